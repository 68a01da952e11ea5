//! The examples that the help and the manual page show.

/// The first command to run for each symptom, in the order of docs/operations.md.
pub(crate) const EXAMPLES: &str = "\
When something is wrong (docs/operations.md has the causes and remedies of each symptom):
  larder doctor FILE     begin here: what is wrong, and what to do about it
  larder get FILE KEY    an answer is old: the entry, its age and its expiry
  larder top FILE        it is slow: hits, misses, evictions and commits while they happen
  larder stats FILE      it is huge: the number of entries of each keyspace
  larder verify FILE     it may be damaged
  larder info FILE       it does not open, or is empty: its owner and its contents
  larder check URL       nothing is cached: tries out a cache where it is to be used
  larder why FILE KEY    a lookup misses that should hit";
