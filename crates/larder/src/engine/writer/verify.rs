//! Checks every page of the file.

use super::Writer;
use super::waiting::Waiting;
use crate::disk::file::error_translation::{unverified, unverified_while_off};
use crate::disk::file::verify::verify_own;
use crate::disk::store::guard::StoreErrorKind;
use crate::error::Error;
use crate::memory::evicted_values::EvictedValues;

impl Writer {
    /// Makes the verifications that callers wait for, and answers them.
    ///
    /// In the last step, this comes before the commit, and otherwise after the answers to other callers,
    /// because a verification may take long.
    pub(super) fn answer_verifications(&mut self, waiting: &mut Waiting, evicted_values: &mut EvictedValues) {
        for reply in std::mem::take(&mut waiting.verifications) {
            reply.send(self.verify(evicted_values));
        }
    }

    /// Checks every page. Replaces a damaged file with a new one. Returns the damage, if there is any.
    fn verify(&mut self, evicted_values: &mut EvictedValues) -> Result<Option<String>, Error> {
        let (volume, path) = (self.file.options().volume.clone(), self.file.options().path.clone());
        if let Some(why) = self.file.why() {
            return Err(unverified_while_off(Some(why)));
        }
        // The file does not change meanwhile, because only this thread writes to it.
        match verify_own(&*volume, &path) {
            Ok(()) => Ok(None),
            Err(fault) if fault.kind == StoreErrorKind::Damage => {
                // If another file is at the path by now, the writer handles this displacement instead of the
                // damage.
                let fault = self.file.check_place().err().unwrap_or(fault);
                let cause = fault.to_string();
                self.fail(fault);
                // The callers of held writes are answered by a later step.
                self.commit_or_recover(&Waiting::default(), evicted_values);
                self.announce();
                Ok(Some(cause))
            }
            Err(fault) => Err(unverified(fault)),
        }
    }
}
