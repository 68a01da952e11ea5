//! The staleness check. It keeps the minimum revision of every subject. An answer with a lower revision is
//! stale.
//!
//! An answer is *stale* if it is older than a change whose invalidation had returned before the request
//! began. The update thread takes these steps, in this order:
//!
//! 1. *Begin* an update of the entries that the change affects. These entries are removed durably. Until
//!    step 4, no load caches them.
//! 2. *Commit* the change in the database. The database assigns a revision to it.
//! 3. *Invalidate* durably with the guide's helper. The helper removes the same entries again, and every
//!    entry that is derived from them.
//! 4. *Finish* the update: loads may cache the entries again.
//! 5. *Publish* the revision as the minimum of each subject that the change affects.
//!
//! A client takes these steps:
//!
//! 6. Read the minimum of the subject.
//! 7. Send the request.
//! 8. Compare: an answer with a revision below the minimum is stale.
//!
//! **No false alarms.** Let r be a minimum that step 6 reads. Steps 1 to 4 returned before r was published.
//! The publishing store (Release) pairs with the load (Acquire), so these steps happened before step 7. An
//! entry that step 7 then finds in the cache was cached by a load that began after step 4. Step 1 revoked
//! earlier loads. A load that began between steps 1 and 4 caches nothing, and no later request joins it. So
//! the load that cached the entry read the database after step 2, and saw r. The same holds for a load that
//! step 7 starts itself. If step 5 came earlier, an answer could be reported as stale before the cache has
//! promised the removal.
//!
//! **No missed stale answers.** Step 5 follows step 4 immediately, so the check misses only requests that
//! begin in the few instructions between the invalidation and the publication. Minimums never fall, and the
//! new image receives them at the restart. So the check covers entries that are read from disk after the
//! restart.
//!
//! **Why both 1 and 3.** Without step 1, a crash between steps 2 and 3 leaves entries on disk that are older
//! than the database. The next process then serves them. Without step 3, only the entries that step 1 names
//! are removed. A writer cannot name every entry that was derived from a row, so the helper removes every
//! product list.
//!
//! **Lists.** All rows of a list are read in one snapshot, and the revision of the list is the highest
//! revision of these rows. Revisions are assigned in commit order, so a list with revision r or higher shows
//! change r.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::shop::catalog::{
    CATEGORIES, Change, DATA_PACKAGES, DATA_PRODUCTS, DISCOUNTS, MERCHANTS, PRODUCTS, Subject,
};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MinRevisions {
    categories: AtomicU64,
    product_lists: Vec<AtomicU64>,
    products: Vec<AtomicU64>,
    data_packages: Vec<AtomicU64>,
    data_bundles: Vec<AtomicU64>,
    discounts: Vec<AtomicU64>,
    merchants: Vec<AtomicU64>,
}

impl MinRevisions {
    /// Returns minimums of zero: no change is published yet, so no answer is stale.
    pub(crate) fn new() -> Self {
        let zeros = |subjects| std::iter::repeat_with(AtomicU64::default).take(subjects).collect();
        Self {
            categories: AtomicU64::default(),
            product_lists: zeros(CATEGORIES),
            products: zeros(PRODUCTS),
            data_packages: zeros(DATA_PACKAGES),
            data_bundles: zeros(DATA_PRODUCTS),
            discounts: zeros(DISCOUNTS),
            merchants: zeros(MERCHANTS),
        }
    }

    /// Returns the minimum revision of the answer to a request that begins now.
    pub(crate) fn of(&self, subject: Subject) -> u64 {
        // Acquire: pairs with the Release in `publish`.
        self.minimum(subject).load(Ordering::Acquire)
    }

    /// Publishes `revision` as the minimum of the subjects of `change`. From now on, answers without the
    /// change are stale.
    pub(crate) fn publish(&self, change: Change, revision: u64) {
        for subject in change.subjects() {
            // Release: pairs with the Acquire in `of`, so if a client reads this minimum, the invalidation
            // happened before its request. `fetch_max` never lowers a minimum.
            self.minimum(subject).fetch_max(revision, Ordering::Release);
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are drawn below the constants that size these lists"
    )]
    fn minimum(&self, subject: Subject) -> &AtomicU64 {
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
    fn a_change_raises_the_minimum_of_each_subject_that_it_shows_in() {
        let minimums = MinRevisions::new();
        minimums.publish(Change::Product(51), 9);
        minimums.publish(Change::Product(51), 8);
        let changed = [Subject::Product(51), Subject::ProductList(1)];
        assert_eq!(changed.map(|subject| minimums.of(subject)), [9, 9]);
        let others = [Subject::Product(1), Subject::Categories];
        assert_eq!(others.map(|subject| minimums.of(subject)), [0, 0]);
    }

    #[test]
    fn minimums_outlive_the_process() {
        let minimums = MinRevisions::new();
        minimums.publish(Change::DataPackage(17), 5);
        let json = serde_json::to_string(&minimums).unwrap();
        let minimums: MinRevisions = serde_json::from_str(&json).unwrap();
        let changed = [Subject::DataPackage(17), Subject::DataBundles(2)];
        assert_eq!(changed.map(|subject| minimums.of(subject)), [5, 5]);
    }
}
