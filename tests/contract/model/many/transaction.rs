//! The transactions of the model test. A transaction sees its own changes, and applies all of them when it
//! commits.

use std::collections::BTreeMap;

use larder::Error;

use super::super::ModelRun;
use super::super::cache::{ModelKey, ttl_of};
use super::super::steps::{TransactionCall, TransactionStep};

impl ModelRun {
    pub(in crate::contract::model) fn transaction(&mut self, steps: Vec<TransactionStep>) {
        // A tight run does not use the memory-only keyspace.
        let steps: Vec<_> = steps.into_iter().filter(|(at, ..)| !(self.tight && *at == 2)).collect();
        let mut changed: BTreeMap<(usize, ModelKey), Option<u64>> = BTreeMap::new();
        let made = self.cache.transaction(|tx| {
            changed.clear();
            for (at, key, call) in &steps {
                let (space, place) = (&self.spaces[*at], (*at, key.clone()));
                let live = changed.get(&place).copied().unwrap_or_else(|| self.live(*at, key));
                match call {
                    TransactionCall::Get => {
                        let found = tx.get(space, key)?.map(|value| *value);
                        assert_eq!(found, live, "{at} {key:?}");
                    }
                    TransactionCall::Insert(value) => {
                        tx.insert(space, key, *value)?;
                        changed.insert(place, Some(*value));
                    }
                    TransactionCall::Remove => {
                        assert_eq!(tx.remove(space, key)?, live.is_some(), "{at} {key:?}");
                        changed.insert(place, None);
                    }
                }
            }
            Ok(())
        });
        match made {
            Ok(()) => {}
            // In a tight run, the transaction may be too large for the write buffer.
            Err(Error::GroupTooLarge { .. }) if self.tight => return,
            Err(error) => panic!("{error}"),
        }
        let removes = changed.iter().any(|((at, _), value)| *at != 2 && value.is_none());
        for ((at, key), value) in changed {
            match value {
                Some(value) => self.put(at, key, value, ttl_of(at)),
                None => drop(self.remove(|space, other| (space, other) == (at, &key))),
            }
        }
        if removes {
            self.commit();
        }
    }
}
