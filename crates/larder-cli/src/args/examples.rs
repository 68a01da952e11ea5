//! What to type when something is wrong, in the help and on the manual page.

/// The first command for each symptom, in the order of docs/operations.md.
pub(crate) const EXAMPLES: &str = "\
When something is wrong (docs/operations.md has the causes and remedies of each symptom):
  larder doctor FILE     begin here: what is not as it should be, and what to do about it
  larder get FILE KEY    an answer is old: what the cache has, since when, and for how long
  larder top FILE        it is slow: hits, misses, evictions and commits while they happen
  larder stats FILE      it is huge: which keyspace has how many entries
  larder verify FILE     it may be damaged
  larder info FILE       it does not open, or is empty: which process has it, and what is in it
  larder check URL       nothing is cached: tries a cache out where it is to work
  larder why FILE KEY    a lookup misses that should not";
