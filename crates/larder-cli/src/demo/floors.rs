//! The staleness check: for everything that can be asked for, the revision below which an answer is stale.
//!
//! An answer is *stale* when it is older than a version whose invalidation had returned before the request
//! began. Who changes something does this, in this order:
//!
//! 1. *Bar*: begin an update of the entries that the change will show in. They are removed durably, and
//!    nothing may fill them until 4.
//! 2. *Commit* the change in the database, which gives it a revision.
//! 3. *Invalidate* by the guide's helper, durably: the entries again, and all that is derived from them.
//! 4. *Finish* the update: fills are allowed again.
//! 5. *Publish* the revision as the floor of each subject that the change shows in.
//!
//! And who asks:
//!
//! 6. read the subject's floor, 7. ask, 8. compare: an answer with a revision below the floor is stale.
//!
//! **No false alarm.** A floor r read at 6 was published after 1 to 4 had returned: the publishing store
//! (Release) pairs with the load (Acquire). What 7 then finds cached was filled by a load that began after 4:
//! a load from before 1 was revoked by it, and one from between 1 and 4 may fill nothing and is joined by
//! nobody who comes later. Such a load, like one that 7 starts itself, reads the database after 2 and sees r.
//! Publishing any earlier would count as stale what the cache never promised to have dropped.
//!
//! **No stale answer escapes.** 5 follows 4 at once; a request that begins after the invalidation and before
//! the publication (a few instructions) is all that the check excuses. Floors only rise, and go with the
//! process when it restarts itself: an entry that comes back from the disk meets the floor it fell under.
//!
//! **Why both 1 and 3.** Without 1, a crash between 2 and 3 leaves entries on disk that are older than the
//! database, and the next process serves them. Without 3, only what the bars name would be dropped, and a
//! writer cannot name all that was derived from a row: the helper drops every product list, as the guide
//! does.
//!
//! **Lists.** A list's revision is the highest among its rows, read in one snapshot. Revisions are handed out
//! in the order of commits, so a list at or above r shows change r, whatever else it shows.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::demo::directory::{
    CATEGORIES, Change, DATA_PACKAGES, DATA_PRODUCTS, DISCOUNTS, MERCHANTS, PRODUCTS, Subject,
};

/// The floor of every subject.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Floors {
    categories: AtomicU64,
    product_lists: Vec<AtomicU64>,
    products: Vec<AtomicU64>,
    data_packages: Vec<AtomicU64>,
    data_bundles: Vec<AtomicU64>,
    discounts: Vec<AtomicU64>,
    merchants: Vec<AtomicU64>,
}

impl Floors {
    /// Floors under which nothing falls: no change is published yet.
    pub(crate) fn new() -> Self {
        let floors = |subjects| std::iter::repeat_with(AtomicU64::default).take(subjects).collect();
        Self {
            categories: AtomicU64::default(),
            product_lists: floors(CATEGORIES),
            products: floors(PRODUCTS),
            data_packages: floors(DATA_PACKAGES),
            data_bundles: floors(DATA_PRODUCTS),
            discounts: floors(DISCOUNTS),
            merchants: floors(MERCHANTS),
        }
    }

    /// The revision below which an answer to a request that begins now is stale.
    pub(crate) fn of(&self, subject: Subject) -> u64 {
        // Acquire: pairs with the Release in publish().
        self.floor(subject).load(Ordering::Acquire)
    }

    /// From now on, answers that do not show `change` are stale.
    pub(crate) fn publish(&self, change: Change, revision: u64) {
        for subject in change.subjects() {
            // Release: whoever reads this floor comes after the invalidation. The maximum, so that floors
            // only rise.
            self.floor(subject).fetch_max(revision, Ordering::Release);
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are drawn below the constants that size these lists"
    )]
    fn floor(&self, subject: Subject) -> &AtomicU64 {
        match subject {
            Subject::Categories => &self.categories,
            Subject::ProductList(category) => &self.product_lists[category],
            Subject::Product(product) => &self.products[product],
            Subject::DataPackage(package) => &self.data_packages[package],
            Subject::DataBundles(product) => &self.data_bundles[product],
            Subject::Discount(discount) => &self.discounts[discount],
            Subject::Merchant(merchant) => &self.merchants[merchant],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_raises_the_floors_of_what_it_shows_in() {
        let floors = Floors::new();
        floors.publish(Change::Product(51), 9);
        floors.publish(Change::Product(51), 8);
        assert_eq!([Subject::Product(51), Subject::ProductList(1)].map(|subject| floors.of(subject)), [9, 9]);
        assert_eq!([Subject::Product(1), Subject::Categories].map(|subject| floors.of(subject)), [0, 0]);
    }

    #[test]
    fn floors_outlive_the_process() {
        let floors = Floors::new();
        floors.publish(Change::DataPackage(17), 5);
        let json = serde_json::to_string(&floors).unwrap();
        let floors: Floors = serde_json::from_str(&json).unwrap();
        assert_eq!(
            [Subject::DataPackage(17), Subject::DataBundles(2)].map(|subject| floors.of(subject)),
            [5, 5]
        );
    }
}
