//! Options that a deployment can set without a new build: the TTLs of families, and whether logins are on
//! disk.

use std::borrow::Cow;
use std::env;
use std::fmt;
use std::time::Duration;

use crate::families::{Families, Shop};
use crate::family::Family;

/// The environment variable that [`Families::from_env`] reads.
pub const FAMILIES_VARIABLE: &str = "LARDER_FAMILIES";

/// A refused option of a deployment. The text of the error names the option, the reason, and the allowed
/// form.
///
/// # Examples
/// ```
/// # use larder_product::{Families, doc::AirtimeShop};
/// let error = Families::<AirtimeShop>::guide().with_options("product=10").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the family option \"product=10\" is refused: \
///      a lifetime is a whole number with ms, s, m or h, such as 10m",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the family option {option:?} is refused: {why}")]
pub struct FamilyOptionError {
    option: String,
    why: Cow<'static, str>,
}

/// Writes the text of the error and the name of its type, so that `unwrap` shows the remedy.
impl fmt::Debug for FamilyOptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (FamilyOptionError)")
    }
}

const FORM: &str = "options are written FAMILY=LIFETIME, with & between them";
const LIFETIME: &str = "a lifetime is a whole number with ms, s, m or h, such as 10m";
const TWICE: &str = "the family already has such an option; give each option once";
const UTF_8: &str = "it is not UTF-8";

impl<S: Shop> Families<S> {
    /// Returns the guide's families, changed by the options in the environment variable `LARDER_FAMILIES`. If
    /// the application has its own families, use [`with_env`](Self::with_env).
    ///
    /// # Errors
    /// Returns the same errors as [`with_env`](Self::with_env).
    ///
    /// # Examples
    /// ```
    /// # use larder::Cache;
    /// # use larder_product::{Families, ProductCache, doc::AirtimeShop};
    /// // LARDER_FAMILIES=product=10m&merchant_discount=1m
    /// let families = Families::<AirtimeShop>::from_env()?;
    /// let shop = ProductCache::open_with(&Cache::from_env()?, families)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_env() -> Result<Self, FamilyOptionError> {
        Self::guide().with_env()
    }

    /// Returns these families, changed by the options in the environment variable `LARDER_FAMILIES`.
    ///
    /// # Errors
    /// Returns the same errors as [`with_options`](Self::with_options), and [`FamilyOptionError`] if the
    /// variable is not UTF-8.
    ///
    /// # Examples
    /// See [`OwnFamily`](crate::OwnFamily).
    pub fn with_env(self) -> Result<Self, FamilyOptionError> {
        match env::var(FAMILIES_VARIABLE) {
            Ok(options) => self.with_options(&options),
            Err(env::VarError::NotPresent) => Ok(self),
            Err(env::VarError::NotUnicode(text)) => {
                Err(FamilyOptionError { option: text.to_string_lossy().into_owned(), why: UTF_8.into() })
            }
        }
    }

    /// Returns these families, changed by `options`. An option has the form `FAMILY=LIFETIME`, where `FAMILY`
    /// is the keyspace name of a family of the shop or of the application. Options are separated by `&`. The
    /// option `merchant_auth=disk` has the same effect as [`logins_on_disk`](Self::logins_on_disk). A family
    /// may have one lifetime, and `merchant_auth` also `disk`. White space around the options, such as a line
    /// end, is ignored.
    ///
    /// # Errors
    /// Returns [`FamilyOptionError`] for a malformed or repeated option, an unknown family or a malformed
    /// lifetime. The allowed range of lifetimes is checked later, when the families are opened.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use larder_product::{Families, doc::AirtimeShop};
    /// let families = Families::<AirtimeShop>::guide().with_options("product=10m&merchant_auth=disk")?;
    /// assert_eq!(families.products.default_ttl(), Duration::from_mins(10));
    /// assert!(!families.merchant_auth.is_memory_only());
    /// # Ok::<(), larder_product::FamilyOptionError>(())
    /// ```
    pub fn with_options(mut self, options: &str) -> Result<Self, FamilyOptionError> {
        let mut given = Vec::new();
        for option in options.trim_ascii().split('&').filter(|option| !option.is_empty()) {
            let refused =
                |why: &'static str| FamilyOptionError { option: option.to_owned(), why: why.into() };
            let (name, value) = option.split_once('=').ok_or_else(|| refused(FORM))?;
            let Some(family) = self.all().find(|family| family.keyspace() == name) else {
                return Err(FamilyOptionError { option: option.to_owned(), why: self.names().into() });
            };
            let sets = (family, value == "disk");
            if given.contains(&sets) {
                return Err(refused(TWICE));
            }
            given.push(sets);
            self = match (family, value) {
                (Family::MerchantAuth, "disk") => self.logins_on_disk(),
                _ => self.with_lifetime(family, lifetime(value).ok_or_else(|| refused(LIFETIME))?),
            };
        }
        Ok(self)
    }

    fn all(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().chain(self.own.ids().map(Family::Own))
    }

    /// Returns a sentence that lists the names of the families.
    fn names(&self) -> String {
        let mut names: Vec<&str> = self.all().map(Family::keyspace).collect();
        let last = names.pop().unwrap_or_default();
        format!("the families are {} and {last}", names.join(", "))
    }

    fn with_lifetime(mut self, family: Family, ttl: Duration) -> Self {
        match family {
            Family::Categories => self.categories = self.categories.ttl(ttl),
            Family::Products => self.products = self.products.ttl(ttl),
            Family::ProductLists => self.product_lists = self.product_lists.ttl(ttl),
            Family::DataPackages => self.data_packages = self.data_packages.ttl(ttl),
            Family::DataBundles => self.data_bundles = self.data_bundles.ttl(ttl),
            Family::MerchantDiscounts => self.merchant_discounts = self.merchant_discounts.ttl(ttl),
            Family::MerchantAuth => self.merchant_auth = self.merchant_auth.ttl(ttl),
            Family::Own(own) => self.own.set_ttl(own, ttl),
        }
        self
    }
}

/// Parses a lifetime, which has the same form as in the URL of a cache.
fn lifetime(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::AirtimeShop;

    #[test]
    fn every_family_can_be_given_another_lifetime() {
        let options: Vec<_> = Family::ALL.iter().map(|family| format!("{family}=90s")).collect();
        let families = Families::<AirtimeShop>::guide().with_options(&options.join("&")).unwrap();
        assert_eq!(format!("{families:?}").matches(": 90s").count(), 7);
        assert!(families.merchant_auth.is_memory_only());
    }

    #[test]
    fn logins_go_to_the_disk_when_the_deployment_says_so_and_keep_their_lifetime() {
        for options in ["merchant_auth=disk&merchant_auth=1m", "merchant_auth=1m&merchant_auth=disk"] {
            let families = Families::<AirtimeShop>::guide().with_options(options).unwrap();
            assert!(!families.merchant_auth.is_memory_only());
            assert_eq!(families.merchant_auth.default_ttl(), Duration::from_mins(1));
        }
    }

    #[test]
    fn an_option_is_given_once() {
        for options in [
            "product=10m&product=1h",
            "product=1h&data_package=1h&product=1h",
            "merchant_auth=1m&merchant_auth=disk&merchant_auth=2m",
            "merchant_auth=disk&merchant_auth=disk",
        ] {
            let error = Families::<AirtimeShop>::guide().with_options(options).unwrap_err().to_string();
            let (_, last) = options.rsplit_once('&').unwrap();
            assert!(error.contains(TWICE) && error.contains(&format!("{last:?}")), "{error}");
        }
    }

    #[test]
    fn white_space_around_options_is_no_part_of_them() {
        for around in ["\n", "\r\n", " \t"] {
            let options = format!("{around}product=10m&merchant_auth=disk{around}");
            let families = Families::<AirtimeShop>::guide().with_options(&options).unwrap();
            assert_eq!(families.products.default_ttl(), Duration::from_mins(10));
            assert!(!families.merchant_auth.is_memory_only());
        }
        let families = Families::<AirtimeShop>::guide().with_options(" \r\n").unwrap();
        assert_eq!(families.products.default_ttl(), Duration::from_hours(1));
    }

    #[test]
    fn a_wrong_option_is_refused_with_what_is_allowed() {
        for (options, allowed) in [
            ("product", FORM),
            (
                "products=10m",
                "the families are product_categories, product, products_category, data_package, data_bundles, \
                 merchant_discount and merchant_auth",
            ),
            ("product=10", LIFETIME),
            ("product=m", LIFETIME),
            ("product=-1s", LIFETIME),
            ("product=1d", LIFETIME),
            ("product=99999999999999999999h", LIFETIME),
            ("product=99999999999999h", LIFETIME),
            ("product=disk", LIFETIME),
        ] {
            let error = Families::<AirtimeShop>::guide().with_options(options).unwrap_err().to_string();
            assert!(error.contains(allowed) && error.contains(options), "{error}");
        }
    }
}
