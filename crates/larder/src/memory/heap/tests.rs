use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{HeapSize, block, weight};

/// Returns a string without spare capacity.
fn text(len: usize) -> String {
    "x".repeat(len)
}

#[test]
fn a_block_takes_what_an_allocator_takes() {
    let asked = [0, 1, 24, 25, 40, 41, 100, 4096];
    assert_eq!(asked.map(block), [0, 32, 32, 48, 48, 64, 112, 4112]);
}

#[test]
fn what_is_owned_is_counted_block_by_block() {
    let strings: Vec<String> = (0..100).map(|_| text(10)).collect();
    assert_eq!(strings.heap_size(), 2_416 + 100 * 32);
    assert_eq!(weight(&strings), 24 + 2_416 + 100 * 32);
    let roomy: Vec<u8> = Vec::with_capacity(1_000);
    assert_eq!(roomy.heap_size(), 1_008, "its capacity is taken, whatever is in it");
    assert_eq!(Some(Box::new([0_u64; 16])).heap_size(), 144);
    assert_eq!(None::<String>.heap_size(), 0);
    assert_eq!(std::sync::Arc::<str>::from("hello").heap_size(), 32);
    assert_eq!((text(10), vec![1_u32; 10], [0_u8; 8], 7_u64).heap_size(), 32 + 48);
    assert_eq!(vec![vec![text(30)]].heap_size(), 32 + 32 + 48);
    assert_eq!(Ok::<_, String>(text(1)).heap_size() + Err::<(), _>(text(1)).heap_size(), 64);
    assert_eq!(std::borrow::Cow::Borrowed("nothing of its own").heap_size(), 0);
    assert_eq!(Box::<[String]>::from([text(10), text(10)]).heap_size(), block(48) + 64);
}

#[test]
fn a_hash_table_counts_its_empty_places() {
    for len in [1_u64, 3, 4, 7, 8, 14, 15, 28, 29, 100, 1_000] {
        let map: HashMap<u64, u64> = (0..len).map(|key| (key, key)).collect();
        let buckets = match map.capacity() {
            3 => 4,
            capacity => (capacity + 1).next_power_of_two(),
        };
        assert_eq!(map.heap_size(), block(buckets * 17 + 16), "{len}");
    }
    let names: HashSet<String> = (0..7).map(|at| format!("{at:010}")).collect();
    assert_eq!(names.heap_size(), block(8 * 25 + 16) + 7 * 32);
    assert_eq!(HashMap::<u64, u64>::new().heap_size(), 0);
}

/// A tree does not report its number of nodes, so the test computes two bounds: a tree with full nodes, and
/// a tree that was filled in order.
#[test]
fn a_tree_is_about_what_its_nodes_take() {
    for len in [100_u32, 1_000, 10_000] {
        let set: BTreeSet<u64> = (0..u64::from(len)).collect();
        let (leaf, inner) = (block(11 * 8 + 16), block(11 * 8 + 16 + 96));
        let (leaf, inner) =
            (f64::from(u32::try_from(leaf).unwrap()), f64::from(u32::try_from(inner).unwrap()));
        let with = |elements: f64| f64::from(len) / elements * (leaf + inner / (elements - 1.0));
        let (in_order, full) = (with(7.0), with(12.0));
        let counted = f64::from(u32::try_from(set.heap_size()).unwrap());
        assert!(counted >= 0.8 * in_order && counted <= 2.0 * full, "{len}: {counted} {in_order} {full}");
    }
    let map: BTreeMap<u64, String> = (0..7).map(|key| (key, text(10))).collect();
    assert_eq!(map.heap_size(), block(11 * 32 + 16) + 7 * 32);
    assert_eq!(BTreeMap::<u64, u64>::new().heap_size(), 0);
}

#[test]
fn a_struct_is_the_sum_of_its_fields() {
    struct Product {
        name: String,
        codes: Vec<u64>,
        price: u64,
    }
    crate::heap_size!(Product { name, codes, price });
    let product = Product { name: text(10), codes: vec![1; 10], price: 1 };
    assert_eq!(product.heap_size(), 32 + 96);
}

/// Checks the table of the guide (`docs/guide.md`, "What the process takes"). Compares the encoded weight of
/// a value with the memory that the value takes, both without key and overhead.
#[test]
fn the_factors_of_the_guide_are_those_of_the_types() {
    fn row<V: HeapSize + serde::Serialize + 'static>(value: &V) -> (usize, u64) {
        let encoded =
            crate::format::codec::encoded_len(crate::format::codec::format::Format::Bincode, value).unwrap();
        (size_of::<V>() + encoded, weight(value))
    }
    let codes: Vec<String> = (0..20).map(|at| format!("{at:08}")).collect();
    let prices: HashMap<String, u64> = codes.iter().cloned().zip(0..).collect();
    let names: BTreeMap<u64, String> = (0..).zip(codes.iter().cloned()).collect();
    assert_eq!(row(&text(100)), (125, 136));
    assert_eq!(row(&vec![7_u8; 1_000]), (1_027, 1_032));
    assert_eq!(row(&(1..=100).collect::<Vec<u64>>()), (125, 840));
    assert_eq!(row(&codes), (205, 1_160));
    assert_eq!(row(&prices), (249, 1_776));
    assert_eq!(row(&names), (225, 2_296));
}
