//! What is printed.

use crate::support::{Place, printed};

#[test]
fn show() {
    let place = Place::new();
    place.shop();
    for arguments in [
        &["info", "shop.larder"][..],
        &["info", "shop.larder", "--json"],
        &["keys", "shop.larder"],
        &["keys", "shop.larder", "--all", "-l"],
        &["keys", "shop.larder", "--json", "--limit", "1"],
        &["keys", "shop.larder", "--keyspace", "product", "--prefix", "MTN"],
        &["get", "shop.larder", "product_MTNVTU"],
        &["get", "shop.larder", "product_MTNVTU", "--json"],
        &["get", "shop.larder", "(-7, b\"\\x01x\\xFF\")", "--keyspace", "session"],
        &["ttl", "shop.larder", "data_package_MTNDATA_DATA_1GB"],
        &["verify", "shop.larder"],
        &["verify", "shop.larder", "--json"],
        &["export", "shop.larder"],
        &["why", "shop.larder", "MTNVTU", "--keyspace", "product"],
    ] {
        println!("$ larder {}\n{}", arguments.join(" "), printed(place.dir(), arguments, 0));
    }
    println!("{}", printed(place.dir(), &["why", "shop.larder", "product_GLOVTU"], 1));
    println!("{}", printed(place.dir(), &["why", "shop.larder", "product_NONE"], 1));
}
