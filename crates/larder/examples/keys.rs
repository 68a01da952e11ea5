//! An application's own key types: a validated code, an enum, and a struct of both.
//!
//! Run it with `cargo run -p larder --features derive --example keys`. The cache is in memory.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use larder::{Any, Cache, Key, KeyspaceDefinition};

/// The code of a product: capital letters and digits.
///
/// With `try_from`, keys that are read from the file are validated too. Invalid keys are skipped.
#[derive(Debug, Clone, Key)]
#[key(try_from)]
struct ProductCode(String);

impl TryFrom<String> for ProductCode {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        let is_allowed = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
        if code.chars().all(is_allowed) { Ok(Self(code)) } else { Err(format!("{code:?} is not a code")) }
    }
}

/// The place where an offer is shown. The file stores the names of the variants, so their order may change.
#[derive(Debug, Clone, Copy, Key)]
enum Channel {
    Web,
    #[key(rename = "*123#")]
    Ussd,
}

/// The key of an offer. It is encoded like the tuple `(ProductCode, Channel, Option<u64>)`.
#[derive(Debug, Clone, Key)]
struct OfferKey {
    product: ProductCode,
    channel: Channel,
    /// `None` is the default offer, for users without their own.
    user: Option<u64>,
}

const OFFERS: KeyspaceDefinition<OfferKey, u64> = KeyspaceDefinition::new("offer");

fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::builder().open()?;
    let offers = cache.keyspace(OFFERS)?;
    let code = ProductCode::try_from("MTNVTU".to_owned())?;

    // Every call takes either a key, or a tuple of its parts, each by value or by reference.
    offers.insert(OfferKey { product: code.clone(), channel: Channel::Web, user: Some(123) }, 90)?;
    offers.insert((&code, Channel::Web, None::<u64>), 95)?;
    offers.insert((&code, Channel::Ussd, None::<u64>), 99)?;
    println!("user 123 pays {:?}", offers.get((&code, Channel::Web, Some(123))));

    for (key, price) in &offers {
        println!("{} on {:?} for {:?}: {price}", key.product.0, key.channel, key.user);
    }
    println!("{} offers of the web removed", offers.remove_matching((Any, Channel::Web, Any))?);
    println!("{} offers of the product removed", offers.remove_prefix((&code,))?);
    Ok(())
}
