//! End-to-end tests of larder, on real files and real processes: one module for each promise of the contract.

mod smoke;
