//! Generated types, from seed 11: written by `cargo run -p larder-types --bin generate`, not by hand.

mod part_00;
mod part_01;
mod part_02;
mod part_03;
mod part_04;
mod part_05;
mod part_06;
mod part_07;
mod part_08;
mod part_09;
mod part_10;
mod part_11;
mod part_12;
mod part_13;
mod part_14;

use part_00::*;
use part_01::*;
use part_02::*;
use part_03::*;
use part_04::*;
use part_05::*;
use part_06::*;
use part_07::*;
use part_08::*;
use part_09::*;
use part_10::*;
use part_11::*;
use part_12::*;
use part_13::*;
use part_14::*;
use crate::judge::Judge;
use crate::prelude::*;

/// Shows each type to the judge.
pub(crate) fn all(judge: &mut Judge) {
    judge.values_of::<T000>("T000", "struct with named fields");
    judge.values_of::<T001>("T001", "struct with named fields");
    judge.values_of::<T002>("T002", "struct with named fields");
    judge.values_of::<T003>("T003", "struct with named fields");
    judge.values_of::<T004>("T004", "struct with named fields");
    judge.values_of::<T005>("T005", "struct with named fields");
    judge.values_of::<T006>("T006", "struct with named fields");
    judge.values_of::<T007>("T007", "struct with named fields");
    judge.values_of::<T008>("T008", "struct with named fields");
    judge.values_of::<T009>("T009", "struct with named fields");
    judge.values_of::<T010>("T010", "struct with named fields");
    judge.values_of::<T011>("T011", "struct with named fields");
    judge.values_of::<T012>("T012", "tuple struct");
    judge.values_of::<T013>("T013", "tuple struct");
    judge.values_of::<T014>("T014", "tuple struct");
    judge.values_of::<T015>("T015", "tuple struct");
    judge.values_of::<T016>("T016", "tuple struct");
    judge.values_of::<T017>("T017", "tuple struct");
    judge.values_of::<T018>("T018", "tuple struct");
    judge.values_of::<T019>("T019", "tuple struct");
    judge.values_of::<T020>("T020", "newtype struct, `transparent`");
    judge.values_of::<T021>("T021", "newtype struct, `transparent`");
    judge.values_of::<T022>("T022", "newtype struct, `transparent`");
    judge.values_of::<T023>("T023", "newtype struct, `transparent`");
    judge.values_of::<T024>("T024", "newtype struct, `transparent`");
    judge.values_of::<T025>("T025", "newtype struct, `transparent`");
    judge.values_of::<T026>("T026", "newtype struct, `transparent`");
    judge.values_of::<T027>("T027", "newtype struct, `transparent`");
    judge.values_of::<T028>("T028", "newtype struct, `transparent`");
    judge.values_of::<T029>("T029", "newtype struct, `transparent`");
    judge.values_of::<T030>("T030", "newtype struct, `transparent`");
    judge.values_of::<T031>("T031", "newtype struct, `transparent`");
    judge.values_of::<T032>("T032", "unit struct, struct without fields");
    judge.values_of::<T033>("T033", "unit struct, struct without fields");
    judge.values_of::<T034>("T034", "unit struct, struct without fields");
    judge.values_of::<T035>("T035", "recursive type");
    judge.values_of::<T036>("T036", "recursive type");
    judge.values_of::<T037>("T037", "recursive type");
    judge.values_of::<T038>("T038", "recursive type");
    judge.values_of::<T039>("T039", "recursive type");
    judge.values_of::<T040>("T040", "recursive type");
    judge.values_of::<T041>("T041", "generic type, `bound`");
    judge.values_of::<T042>("T042", "generic type, `bound`");
    judge.values_of::<T043>("T043", "generic type, `bound`");
    judge.values_of::<T044>("T044", "generic type, `bound`");
    judge.values_of::<T045>("T045", "`remote`, `getter`");
    judge.values_of::<T046>("T046", "`remote`, `getter`");
    judge.values_of::<T047>("T047", "`remote`, `getter`");
    judge.values_of::<T048>("T048", "enum");
    judge.values_of::<T049>("T049", "enum");
    judge.values_of::<T050>("T050", "enum");
    judge.values_of::<T051>("T051", "enum");
    judge.values_of::<T052>("T052", "enum");
    judge.values_of::<T053>("T053", "enum");
    judge.values_of::<T054>("T054", "enum");
    judge.values_of::<T055>("T055", "enum");
    judge.values_of::<T056>("T056", "enum");
    judge.values_of::<T057>("T057", "enum");
    judge.values_of::<T058>("T058", "enum");
    judge.values_of::<T059>("T059", "enum");
    judge.values_of::<T060>("T060", "enum");
    judge.values_of::<T061>("T061", "enum");
    judge.values_of::<T062>("T062", "`tag` (internally tagged)");
    judge.values_of::<T063>("T063", "`tag` (internally tagged)");
    judge.values_of::<T064>("T064", "`tag` (internally tagged)");
    judge.values_of::<T065>("T065", "`tag` (internally tagged)");
    judge.values_of::<T066>("T066", "`tag` (internally tagged)");
    judge.values_of::<T067>("T067", "`tag` (internally tagged)");
    judge.values_of::<T068>("T068", "`tag` (internally tagged)");
    judge.values_of::<T069>("T069", "`tag` (internally tagged)");
    judge.values_of::<T070>("T070", "`tag` (internally tagged)");
    judge.values_of::<T071>("T071", "`tag` (internally tagged)");
    judge.values_of::<T072>("T072", "`tag` on a struct");
    judge.values_of::<T073>("T073", "`tag` on a struct");
    judge.values_of::<T074>("T074", "`tag` on a struct");
    judge.values_of::<T075>("T075", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T076>("T076", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T077>("T077", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T078>("T078", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T079>("T079", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T080>("T080", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T081>("T081", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T082>("T082", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T083>("T083", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T084>("T084", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T085>("T085", "`untagged`, each variant of another kind");
    judge.values_of::<T086>("T086", "`untagged`, each variant of another kind");
    judge.values_of::<T087>("T087", "`untagged`, each variant of another kind");
    judge.values_of::<T088>("T088", "`untagged`, each variant of another kind");
    judge.values_of::<T089>("T089", "`untagged`, each variant of another kind");
    judge.values_of::<T090>("T090", "`untagged`, each variant of another kind");
    judge.values_of::<T091>("T091", "`untagged`, each variant of another kind");
    judge.values_of::<T092>("T092", "`untagged`, each variant of another kind");
    judge.values_of::<T093>("T093", "`untagged`, variants of the same kind");
    judge.values_of::<T094>("T094", "`untagged`, variants of the same kind");
    judge.values_of::<T095>("T095", "`untagged`, variants of the same kind");
    judge.values_of::<T096>("T096", "`untagged`, variants of the same kind");
    judge.values_of::<T097>("T097", "`untagged`, variants of the same kind");
    judge.values_of::<T098>("T098", "`untagged`, variants of the same kind");
    judge.values_of::<T099>("T099", "`untagged`, variants of the same kind");
    judge.values_of::<T100>("T100", "`untagged`, variants of the same kind");
    judge.values_of::<T101>("T101", "`untagged` on a variant");
    judge.values_of::<T102>("T102", "`untagged` on a variant");
    judge.values_of::<T103>("T103", "`untagged` on a variant");
    judge.values_of::<T104>("T104", "`untagged` on a variant");
    judge.values_of::<T105>("T105", "`untagged` on a variant");
    judge.values_of::<T106>("T106", "`other`");
    judge.values_of::<T107>("T107", "`other`");
    judge.values_of::<T108>("T108", "`other`");
    judge.values_of::<T109>("T109", "`other`");
    judge.values_of::<T110>("T110", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T111>("T111", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T112>("T112", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T113>("T113", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T114>("T114", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T115>("T115", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T116>("T116", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T117>("T117", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T118>("T118", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T119>("T119", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T120>("T120", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T121>("T121", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T122>("T122", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T123>("T123", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T124>("T124", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T125>("T125", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T126>("T126", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T127>("T127", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T128>("T128", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T129>("T129", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T130>("T130", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T131>("T131", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T132>("T132", "sets and maps of newtypes and enums");
    judge.values_of::<T133>("T133", "sets and maps of newtypes and enums");
    judge.values_of::<T134>("T134", "sets and maps of newtypes and enums");
    judge.values_of::<T135>("T135", "sets and maps of newtypes and enums");
    judge.values_of::<T136>("T136", "a newtype of bytes or of text");
    judge.values_of::<T137>("T137", "a newtype of bytes or of text");
    judge.values_of::<T138>("T138", "a newtype of bytes or of text");
    judge.values_of::<T139>("T139", "a newtype of bytes or of text");
    judge.values_of::<T140>("T140", "a newtype of bytes or of text");
    judge.values_of::<T141>("T141", "a newtype of bytes or of text");
    judge.values_of::<T142>("T142", "a newtype of bytes or of text");
    judge.values_of::<T143>("T143", "a newtype of bytes or of text");
    judge.values_of::<T144>("T144", "a newtype of bytes or of text");
    judge.values_of::<T145>("T145", "a newtype of bytes or of text");
    judge.values_of::<T146>("T146", "a newtype of bytes or of text");
    judge.values_of::<T147>("T147", "a newtype of bytes or of text");
    judge.values_of::<T148>("T148", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T149>("T149", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T150>("T150", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T151>("T151", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T152>("T152", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T153>("T153", "`i128`, `u128`");
    judge.values_of::<T154>("T154", "`i128`, `u128`");
    judge.values_of::<T155>("T155", "`f32`, `f64`, also NaN, infinite and -0");
    judge.values_of::<T156>("T156", "`f32`, `f64`, also NaN, infinite and -0");
    judge.values_of::<T157>("T157", "`Vec`, `VecDeque`, `LinkedList`");
    judge.values_of::<T158>("T158", "`Vec`, `VecDeque`, `LinkedList`");
    judge.values_of::<T159>("T159", "`Vec`, `VecDeque`, `LinkedList`");
    judge.values_of::<T160>("T160", "`HashSet`, `BTreeSet`, `BinaryHeap`");
    judge.values_of::<T161>("T161", "`HashSet`, `BTreeSet`, `BinaryHeap`");
    judge.values_of::<T162>("T162", "`HashMap`, `BTreeMap`, whatever the key");
    judge.values_of::<T163>("T163", "`HashMap`, `BTreeMap`, whatever the key");
    judge.values_of::<T164>("T164", "arrays and tuples");
    judge.values_of::<T165>("T165", "arrays and tuples");
    judge.values_of::<T166>("T166", "arrays and tuples");
    judge.values_of::<T167>("T167", "`Option`");
    judge.values_of::<T168>("T168", "`Option`");
    judge.values_of::<T169>("T169", "`Option<Option<_>>`, `Option<()>`");
    judge.values_of::<T170>("T170", "`Option<Option<_>>`, `Option<()>`");
    judge.values_of::<T171>("T171", "`Box`, `Arc`, `Cow`");
    judge.values_of::<T172>("T172", "`Box`, `Arc`, `Cow`");
    judge.values_of::<T173>("T173", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
    judge.values_of::<T174>("T174", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
    judge.values_of::<T175>("T175", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
    judge.values_of::<T176>("T176", "`Result`");
    judge.values_of::<T177>("T177", "`Range`, `RangeInclusive`, `Bound`");
    judge.values_of::<T178>("T178", "`Range`, `RangeInclusive`, `Bound`");
    judge.values_of::<T179>("T179", "`Duration`, `SystemTime`");
    judge.values_of::<T180>("T180", "IP and socket addresses");
    judge.values_of::<T181>("T181", "IP and socket addresses");
    judge.values_of::<T182>("T182", "`PathBuf`, `OsString`, `CString`");
    judge.values_of::<T183>("T183", "`PathBuf`, `OsString`, `CString`");
    judge.values_of::<T184>("T184", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T185>("T185", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T186>("T186", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T187>("T187", "`()`, `PhantomData`");
    judge.values_of::<T188>("T188", "`()`, `PhantomData`");
    judge.values_of::<T189>("T189", "sets and maps of structs");
    judge.values_of::<T190>("T190", "sets and maps of structs");
    judge.values_of::<T191>("T191", "`alias`");
    judge.values_of::<T192>("T192", "`alias`");
    judge.values_of::<T193>("T193", "`alias`");
    judge.values_of::<T194>("T194", "`alias`");
    judge.values_of::<T195>("T195", "`alias`");
    judge.values_of::<T196>("T196", "`alias`");
    judge.values_of::<T197>("T197", "`default`, `default = \"…\"`");
    judge.values_of::<T198>("T198", "`default`, `default = \"…\"`");
    judge.values_of::<T199>("T199", "`default`, `default = \"…\"`");
    judge.values_of::<T200>("T200", "`default`, `default = \"…\"`");
    judge.values_of::<T201>("T201", "`default`, `default = \"…\"`");
    judge.values_of::<T202>("T202", "`default`, `default = \"…\"`");
    judge.values_of::<T203>("T203", "`default`, `default = \"…\"`");
    judge.values_of::<T204>("T204", "`default`, `default = \"…\"`");
    judge.values_of::<T205>("T205", "`skip`");
    judge.values_of::<T206>("T206", "`skip`");
    judge.values_of::<T207>("T207", "`skip`");
    judge.values_of::<T208>("T208", "`skip`");
    judge.values_of::<T209>("T209", "`skip`");
    judge.values_of::<T210>("T210", "`skip`");
    judge.values_of::<T211>("T211", "`skip`");
    judge.values_of::<T212>("T212", "`skip`");
    judge.values_of::<T213>("T213", "`skip_serializing`");
    judge.values_of::<T214>("T214", "`skip_serializing`");
    judge.values_of::<T215>("T215", "`skip_serializing`");
    judge.values_of::<T216>("T216", "`skip_serializing`");
    judge.values_of::<T217>("T217", "`skip_serializing`");
    judge.values_of::<T218>("T218", "`skip_serializing`");
    judge.values_of::<T219>("T219", "`skip_deserializing`");
    judge.values_of::<T220>("T220", "`skip_deserializing`");
    judge.values_of::<T221>("T221", "`skip_deserializing`");
    judge.values_of::<T222>("T222", "`skip_deserializing`");
    judge.values_of::<T223>("T223", "`skip_deserializing`");
    judge.values_of::<T224>("T224", "`skip_deserializing`");
    judge.values_of::<T225>("T225", "`skip_serializing_if` with a default");
    judge.values_of::<T226>("T226", "`skip_serializing_if` with a default");
    judge.values_of::<T227>("T227", "`skip_serializing_if` with a default");
    judge.values_of::<T228>("T228", "`skip_serializing_if` with a default");
    judge.values_of::<T229>("T229", "`skip_serializing_if` with a default");
    judge.values_of::<T230>("T230", "`skip_serializing_if` with a default");
    judge.values_of::<T231>("T231", "`skip_serializing_if` with a default");
    judge.values_of::<T232>("T232", "`skip_serializing_if` with a default");
    judge.values_of::<T233>("T233", "`skip_serializing_if` with a default");
    judge.values_of::<T234>("T234", "`skip_serializing_if` with a default");
    judge.values_of::<T235>("T235", "`skip_serializing_if` without the right default");
    judge.values_of::<T236>("T236", "`skip_serializing_if` without the right default");
    judge.values_of::<T237>("T237", "`skip_serializing_if` without the right default");
    judge.values_of::<T238>("T238", "`skip_serializing_if` without the right default");
    judge.values_of::<T239>("T239", "`skip_serializing_if` without the right default");
    judge.values_of::<T240>("T240", "`skip_serializing_if` without the right default");
    judge.values_of::<T241>("T241", "`flatten` of a struct");
    judge.values_of::<T242>("T242", "`flatten` of a struct");
    judge.values_of::<T243>("T243", "`flatten` of a struct");
    judge.values_of::<T244>("T244", "`flatten` of a struct");
    judge.values_of::<T245>("T245", "`flatten` of a struct");
    judge.values_of::<T246>("T246", "`flatten` of a struct");
    judge.values_of::<T247>("T247", "`flatten` of a struct");
    judge.values_of::<T248>("T248", "`flatten` of a struct");
    judge.values_of::<T249>("T249", "`flatten` of a map");
    judge.values_of::<T250>("T250", "`flatten` of a map");
    judge.values_of::<T251>("T251", "`flatten` of a map");
    judge.values_of::<T252>("T252", "`flatten` of a map");
    judge.values_of::<T253>("T253", "`flatten` of a map");
    judge.values_of::<T254>("T254", "`flatten` of a map");
    judge.values_of::<T255>("T255", "`flatten` of a map");
    judge.values_of::<T256>("T256", "`flatten` of a map");
    judge.values_of::<T257>("T257", "`flatten` of two maps");
    judge.values_of::<T258>("T258", "`flatten` of two maps");
    judge.values_of::<T259>("T259", "`flatten` of an `Option`");
    judge.values_of::<T260>("T260", "`flatten` of an `Option`");
    judge.values_of::<T261>("T261", "`flatten` of an `Option`");
    judge.values_of::<T262>("T262", "`flatten` of an `Option`");
    judge.values_of::<T263>("T263", "`flatten` of an enum");
    judge.values_of::<T264>("T264", "`flatten` of an enum");
    judge.values_of::<T265>("T265", "`flatten` of an enum");
    judge.values_of::<T266>("T266", "`flatten` of an enum");
    judge.values_of::<T267>("T267", "`flatten` of an enum");
    judge.values_of::<T268>("T268", "`flatten` of an enum");
    judge.values_of::<T269>("T269", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T270>("T270", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T271>("T271", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T272>("T272", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T273>("T273", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T274>("T274", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T275>("T275", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T276>("T276", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T277>("T277", "`with` that loses");
    judge.values_of::<T278>("T278", "`with` that loses");
    judge.values_of::<T279>("T279", "`with` that loses");
    judge.values_of::<T280>("T280", "`with` that loses");
    judge.values_of::<T281>("T281", "`with` that loses");
    judge.values_of::<T282>("T282", "`with` that loses");
    judge.values_of::<T283>("T283", "`serialize_with` alone");
    judge.values_of::<T284>("T284", "`serialize_with` alone");
    judge.values_of::<T285>("T285", "`serialize_with` alone");
    judge.values_of::<T286>("T286", "`from`, `try_from`, `into`");
    judge.values_of::<T287>("T287", "`from`, `try_from`, `into`");
    judge.values_of::<T288>("T288", "`from`, `try_from`, `into`");
    judge.values_of::<T289>("T289", "`from`, `try_from`, `into`");
    judge.values_of::<T290>("T290", "`from`, `try_from`, `into`");
    judge.values_of::<T291>("T291", "`from`, `try_from`, `into`");
    judge.values_of::<T292>("T292", "`from`, `try_from`, `into`");
    judge.values_of::<T293>("T293", "`from`, `try_from`, `into`");
    judge.values_of::<T294>("T294", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T295>("T295", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T296>("T296", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T297>("T297", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T298>("T298", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T299>("T299", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T300>("T300", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T301>("T301", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T302>("T302", "addresses in what serde buffers");
    judge.values_of::<T303>("T303", "addresses in what serde buffers");
    judge.values_of::<T304>("T304", "addresses in what serde buffers");
    judge.values_of::<T305>("T305", "addresses in what serde buffers");
    judge.values_of::<T306>("T306", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T307>("T307", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T308>("T308", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T309>("T309", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T310>("T310", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T311>("T311", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T312>("T312", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T313>("T313", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T314>("T314", "all of these inside one another");
    judge.values_of::<T315>("T315", "all of these inside one another");
    judge.values_of::<T316>("T316", "all of these inside one another");
    judge.values_of::<T317>("T317", "all of these inside one another");
    judge.values_of::<T318>("T318", "all of these inside one another");
    judge.values_of::<T319>("T319", "all of these inside one another");
    judge.values_of::<T320>("T320", "all of these inside one another");
    judge.values_of::<T321>("T321", "all of these inside one another");
    judge.values_of::<T322>("T322", "all of these inside one another");
    judge.values_of::<T323>("T323", "all of these inside one another");
    judge.values_of::<T324>("T324", "all of these inside one another");
    judge.values_of::<T325>("T325", "all of these inside one another");
    judge.values_of::<T326>("T326", "all of these inside one another");
    judge.values_of::<T327>("T327", "all of these inside one another");
    judge.values_of::<T328>("T328", "all of these inside one another");
    judge.values_of::<T329>("T329", "all of these inside one another");
    judge.values_of::<T330>("T330", "all of these inside one another");
    judge.values_of::<T331>("T331", "all of these inside one another");
    judge.values_of::<T332>("T332", "all of these inside one another");
    judge.values_of::<T333>("T333", "all of these inside one another");
    judge.values_of::<T334>("T334", "all of these inside one another");
    judge.values_of::<T335>("T335", "all of these inside one another");
    judge.values_of::<T336>("T336", "all of these inside one another");
    judge.values_of::<T337>("T337", "all of these inside one another");
    judge.values_of::<T338>("T338", "all of these inside one another");
    judge.values_of::<T339>("T339", "all of these inside one another");
    judge.values_of::<T340>("T340", "all of these inside one another");
    judge.values_of::<T341>("T341", "all of these inside one another");
    judge.values_of::<T342>("T342", "all of these inside one another");
    judge.values_of::<T343>("T343", "all of these inside one another");
    judge.values_of::<T344>("T344", "all of these inside one another");
    judge.values_of::<T345>("T345", "all of these inside one another");
    judge.values_of::<T346>("T346", "all of these inside one another");
    judge.values_of::<T347>("T347", "all of these inside one another");
    judge.values_of::<T348>("T348", "all of these inside one another");
    judge.values_of::<T349>("T349", "all of these inside one another");
}

// Any value of a type that threads may share: one keyspace holds them all.
any! {
    T000
    T001
    T002
    T003
    T004
    T005
    T006
    T007
    T008
    T009
    T010
    T011
    T012
    T013
    T014
    T015
    T016
    T017
    T018
    T019
    T020
    T021
    T022
    T023
    T024
    T025
    T026
    T027
    T028
    T029
    T030
    T031
    T032
    T033
    T034
    T035
    T036
    T037
    T038
    T039
    T040
    T041
    T042
    T043
    T044
    T045
    T046
    T047
    T048
    T049
    T050
    T051
    T052
    T053
    T054
    T055
    T056
    T057
    T058
    T059
    T060
    T061
    T062
    T063
    T064
    T065
    T066
    T067
    T068
    T069
    T070
    T071
    T072
    T073
    T074
    T075
    T076
    T077
    T078
    T079
    T080
    T081
    T082
    T083
    T084
    T085
    T086
    T087
    T088
    T089
    T090
    T091
    T092
    T093
    T094
    T095
    T096
    T097
    T098
    T099
    T100
    T101
    T102
    T103
    T104
    T105
    T106
    T107
    T108
    T109
    T110
    T111
    T112
    T113
    T114
    T115
    T116
    T117
    T118
    T119
    T120
    T121
    T122
    T123
    T124
    T125
    T126
    T127
    T128
    T129
    T130
    T131
    T132
    T133
    T134
    T135
    T136
    T137
    T138
    T139
    T140
    T141
    T142
    T143
    T144
    T145
    T146
    T147
    T148
    T149
    T150
    T151
    T152
    T153
    T154
    T155
    T156
    T157
    T158
    T159
    T160
    T161
    T162
    T163
    T164
    T165
    T166
    T167
    T168
    T169
    T170
    T171
    T172
    T176
    T177
    T178
    T179
    T180
    T181
    T182
    T183
    T184
    T185
    T186
    T187
    T188
    T189
    T190
    T191
    T192
    T193
    T194
    T195
    T196
    T197
    T198
    T199
    T200
    T201
    T202
    T203
    T204
    T205
    T206
    T207
    T208
    T209
    T210
    T211
    T212
    T213
    T214
    T215
    T216
    T217
    T218
    T219
    T220
    T221
    T222
    T223
    T224
    T225
    T226
    T227
    T228
    T229
    T230
    T231
    T232
    T233
    T234
    T235
    T236
    T237
    T238
    T239
    T240
    T241
    T242
    T243
    T244
    T245
    T246
    T247
    T248
    T249
    T250
    T251
    T252
    T253
    T254
    T255
    T256
    T257
    T258
    T259
    T260
    T261
    T262
    T263
    T264
    T265
    T266
    T267
    T268
    T269
    T270
    T271
    T272
    T273
    T274
    T275
    T276
    T277
    T278
    T279
    T280
    T281
    T282
    T283
    T284
    T285
    T286
    T287
    T288
    T289
    T290
    T291
    T292
    T293
    T294
    T295
    T296
    T297
    T298
    T299
    T300
    T301
    T302
    T303
    T304
    T305
    T306
    T307
    T308
    T309
    T310
    T311
    T312
    T313
    T314
    T315
    T316
    T317
    T318
    T319
    T320
    T321
    T322
    T323
    T324
    T325
    T326
    T327
    T328
    T329
    T330
    T331
    T332
    T333
    T334
    T335
    T336
    T337
    T338
    T339
    T340
    T341
    T342
    T343
    T344
    T345
    T346
    T347
    T348
    T349
}
