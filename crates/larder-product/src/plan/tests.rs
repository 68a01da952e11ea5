use super::*;
use crate::code::UserId;
use crate::family::Family;

/// Returns the selections that a change removes, as text, in order.
fn drops(change: &Change) -> Vec<String> {
    change.plan().steps().iter().map(|step| step.drops().to_string()).collect()
}

fn code<T: std::str::FromStr<Err: fmt::Debug>>(code: &str) -> T {
    code.parse().unwrap()
}

/// Returns every kind of change, for one row and for all rows, with the selections that it removes. The
/// selections are written by hand, independently of the table.
fn changes() -> Vec<(Change, Vec<&'static str>)> {
    let (p, d, u) = (code("MTNDATA"), code("DATA_1GB"), UserId::new(123).unwrap());
    vec![
        (Change::Category(None), vec!["product_categories_active", "products_category_*"]),
        (Change::Category(Some(code("DATA"))), vec!["product_categories_active", "products_category_DATA"]),
        (Change::Product(None), vec!["product_*", "products_category_*"]),
        (Change::Product(Some(code("MTNDATA"))), vec!["product_MTNDATA", "products_category_*"]),
        (
            Change::ProductRemoved(code("MTNDATA")),
            vec![
                "product_MTNDATA",
                "products_category_*",
                "data_package_MTNDATA_*",
                "data_bundles_MTNDATA",
                "merchant_discount_*_MTNDATA",
            ],
        ),
        (Change::DataPackage(None, None), vec!["data_package_*_*", "data_bundles_*"]),
        (
            Change::DataPackage(Some(code("MTNDATA")), None),
            vec!["data_package_MTNDATA_*", "data_bundles_MTNDATA"],
        ),
        (
            Change::DataPackage(Some(p), Some(d)),
            vec!["data_package_MTNDATA_DATA_1GB", "data_bundles_MTNDATA"],
        ),
        (Change::Discount(None, None), vec!["merchant_discount_*_*"]),
        (Change::Discount(Some(u), None), vec!["merchant_discount_123_*"]),
        (Change::Discount(None, Some(code("MTNVTU"))), vec!["merchant_discount_*_MTNVTU"]),
        (Change::Discount(Some(u), Some(code("MTNVTU"))), vec!["merchant_discount_123_MTNVTU"]),
        (Change::Merchant(None), vec!["merchant_auth_*"]),
        (Change::Merchant(Some(code("ACME"))), vec!["merchant_auth_ACME"]),
    ]
}

#[test]
fn each_change_drops_what_the_guide_says_and_nothing_else() {
    for (change, expected) in changes() {
        assert_eq!(drops(&change), expected, "{change}");
    }
}

#[test]
fn sources_go_before_what_is_derived_from_them() {
    for (change, _) in changes() {
        let plan = change.plan();
        let at = |family| plan.steps().iter().position(|step| step.drops().family() == family);
        for (source, derived) in [
            (Family::Products, Family::ProductLists),
            (Family::Categories, Family::ProductLists),
            (Family::DataPackages, Family::DataBundles),
        ] {
            if let (Some(source), Some(derived)) = (at(source), at(derived)) {
                assert!(source < derived, "{plan}");
            }
        }
    }
}

#[test]
fn a_plan_names_the_way_from_the_change_to_each_removal() {
    let plan = Change::DataPackage(Some(code("A_B")), None).plan();
    assert_eq!(
        plan.to_string(),
        "every data package of product A_B changed: these entries are removed, in this order, with one commit\n  \
         data_package_A%5FB_*  is the entry of every data package of product A_B\n  \
         data_bundles_A_B      lists data_package_A%5FB_*, which is the entry of every data package of \
         product A_B\n"
    );
}

#[test]
fn what_is_covered_already_is_not_dropped_twice() {
    let parts = |product: Option<&str>| Parts { product: product.map(code), ..Parts::default() };
    let stale = |product| Stale { parts: parts(product), why: String::new() };
    let mut known = vec![];
    for product in [Some("A"), Some("B"), Some("A"), None, Some("C")] {
        add(&mut known, stale(product));
    }
    assert_eq!(known.iter().map(|stale| &stale.parts).collect::<Vec<_>>(), [&parts(None)]);
}

#[test]
fn a_change_reads_as_a_sentence() {
    for (change, expected) in changes().iter().map(|(change, _)| change.to_string()).zip([
        "every category changed",
        "category DATA changed",
        "every product changed",
        "product MTNDATA changed",
        "product MTNDATA was removed",
        "every data package changed",
        "every data package of product MTNDATA changed",
        "data package DATA_1GB of product MTNDATA changed",
        "every discount changed",
        "every discount of user 123 changed",
        "every discount on product MTNVTU changed",
        "the discount of user 123 on product MTNVTU changed",
        "every merchant changed",
        "merchant ACME changed",
    ]) {
        assert_eq!(change, expected);
    }
}
