//! The value types of the shop, declared as in any application that uses larder-product.
//!
//! Every value has a revision: the highest revision of the rows from which it was read. Revisions are
//! assigned in write transactions of the database. So a value with revision r shows every change of its rows
//! up to r, and a value with a lower revision does not show change r.

use std::sync::Arc;

use larder_product::Shop;
use serde::{Deserialize, Serialize};

use super::catalog::{Catalog, Subject};

#[derive(Debug)]
pub(crate) struct DemoShop;

impl Shop for DemoShop {
    type Categories = Categories;
    type ProductList = ProductList;
    type Product = Product;
    type DataPackage = DataPackage;
    type DataBundles = DataBundles;
    type Discount = Discount;
    type Merchant = Merchant;
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Categories {
    /// The code and the name of each category.
    pub(crate) categories: Vec<(String, String)>,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProductList {
    pub(crate) category: String,
    pub(crate) title: String,
    pub(crate) products: Vec<ListedProduct>,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedProduct {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) price: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) code: String,
    pub(crate) category: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: u32,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DataPackage {
    pub(crate) product: String,
    pub(crate) code: String,
    pub(crate) megabytes: u32,
    pub(crate) price: u32,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DataBundles {
    pub(crate) product: String,
    pub(crate) packages: Vec<DataPackage>,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Discount {
    pub(crate) user: u64,
    pub(crate) product: String,
    pub(crate) percent: u32,
    pub(crate) revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Merchant {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) revision: u64,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Categories(Arc<Categories>),
    ProductList(Arc<ProductList>),
    Product(Arc<Product>),
    DataPackage(Arc<DataPackage>),
    DataBundles(Arc<DataBundles>),
    Discount(Arc<Discount>),
    Merchant(Arc<Merchant>),
}

impl Answer {
    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Categories(categories) => categories.revision,
            Self::ProductList(list) => list.revision,
            Self::Product(product) => product.revision,
            Self::DataPackage(package) => package.revision,
            Self::DataBundles(bundles) => bundles.revision,
            Self::Discount(discount) => discount.revision,
            Self::Merchant(merchant) => merchant.revision,
        }
    }

    /// Returns whether this answer belongs to a request for `subject`.
    pub(crate) fn is_about(&self, subject: Subject, catalog: &Catalog) -> bool {
        match (self, subject) {
            (Self::Categories(_), Subject::Categories) => true,
            (Self::ProductList(list), Subject::ProductList(n)) => {
                list.category == catalog.category(n).as_str()
            }
            (Self::Product(product), Subject::Product(n)) => product.code == catalog.product(n).as_str(),
            (Self::DataPackage(package), Subject::DataPackage(n)) => {
                let (product, data) = catalog.data_package(n);
                package.product == product.as_str() && package.code == data.as_str()
            }
            (Self::DataBundles(bundles), Subject::DataBundles(n)) => {
                bundles.product == catalog.data_product(n).as_str()
            }
            (Self::Discount(discount), Subject::Discount(n)) => {
                let (user, product) = catalog.discount(n);
                discount.user == user.get() && discount.product == product.as_str()
            }
            (Self::Merchant(merchant), Subject::Merchant(n)) => merchant.code == catalog.merchant(n).as_str(),
            _ => false,
        }
    }
}
