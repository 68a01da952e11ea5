//! Keys of the shop's families: between the bytes in the file and the string that the shop knows them by.

use larder::inspect::{KeyShape, KeyValue};
use larder_product::{Family, SpelledKey};

use super::key::Keys;

/// The family that a keyspace is of, by its name and the shape of its keys.
fn of(keyspace: Keys<'_>) -> Option<(Family, KeyShape)> {
    let family = Family::ALL.into_iter().find(|family| family.keyspace() == keyspace.name)?;
    let shape = match family {
        Family::Categories => "()",
        Family::DataPackages => "(string, string)",
        Family::MerchantDiscounts => "(u64, string)",
        Family::Products | Family::ProductLists | Family::DataBundles | Family::MerchantAuth => "string",
    };
    if keyspace.shape == shape { Some((family, shape.parse().ok()?)) } else { None }
}

/// The shop's string for a key, if its keyspace is a family's.
pub(super) fn spell(keyspace: Keys<'_>, key: &[u8]) -> Option<String> {
    let (family, shape) = of(keyspace)?;
    let spelled = match (family, shape.decode(key).ok()?) {
        (Family::Categories, KeyValue::Unit) => SpelledKey::Categories,
        (Family::Products, KeyValue::Text(code)) => SpelledKey::Product(code.parse().ok()?),
        (Family::ProductLists, KeyValue::Text(code)) => SpelledKey::ProductList(code.parse().ok()?),
        (Family::DataBundles, KeyValue::Text(code)) => SpelledKey::DataBundles(code.parse().ok()?),
        (Family::MerchantAuth, KeyValue::Text(code)) => SpelledKey::MerchantAuth(code.parse().ok()?),
        (Family::DataPackages, KeyValue::Tuple(parts)) => match &parts[..] {
            [KeyValue::Text(product), KeyValue::Text(data)] => {
                SpelledKey::DataPackage(product.parse().ok()?, data.parse().ok()?)
            }
            _ => return None,
        },
        (Family::MerchantDiscounts, KeyValue::Tuple(parts)) => match &parts[..] {
            [KeyValue::Unsigned(user), KeyValue::Text(product)] => {
                SpelledKey::MerchantDiscount(user.to_string().parse().ok()?, product.parse().ok()?)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(spelled.to_string())
}

/// The bytes of a key that is given by the shop's string, if a keyspace is the family's.
pub(super) fn read(keyspace: Keys<'_>, text: &str) -> Option<Vec<u8>> {
    let (family, shape) = of(keyspace)?;
    let spelled: SpelledKey = text.parse().ok()?;
    if spelled.family() != family {
        return None;
    }
    let text = |code: &str| KeyValue::Text(code.to_owned());
    let value = match &spelled {
        SpelledKey::Categories => KeyValue::Unit,
        SpelledKey::Product(code) | SpelledKey::DataBundles(code) => text(code.as_str()),
        SpelledKey::ProductList(code) => text(code.as_str()),
        SpelledKey::MerchantAuth(code) => text(code.as_str()),
        SpelledKey::DataPackage(product, data) => {
            KeyValue::Tuple(vec![text(product.as_str()), text(data.as_str())])
        }
        SpelledKey::MerchantDiscount(user, product) => {
            KeyValue::Tuple(vec![KeyValue::Unsigned(user.get().into()), text(product.as_str())])
        }
    };
    shape.encode(&value).ok()
}
