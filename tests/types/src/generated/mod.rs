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
mod part_15;
mod part_16;
mod part_17;
mod part_18;
mod part_19;
mod part_20;
mod part_21;

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
use part_15::*;
use part_16::*;
use part_17::*;
use part_18::*;
use part_19::*;
use part_20::*;
use part_21::*;

use crate::judge::Judge;
use crate::prelude::*;

/// Shows each type to the judge.
pub(crate) fn all(judge: &mut Judge) {
    part_00::all(judge);
    part_01::all(judge);
    part_02::all(judge);
    part_03::all(judge);
    part_04::all(judge);
    part_05::all(judge);
    part_06::all(judge);
    part_07::all(judge);
    part_08::all(judge);
    part_09::all(judge);
    part_10::all(judge);
    part_11::all(judge);
    part_12::all(judge);
    part_13::all(judge);
    part_14::all(judge);
    part_15::all(judge);
    part_16::all(judge);
    part_17::all(judge);
    part_18::all(judge);
    part_19::all(judge);
    part_20::all(judge);
    part_21::all(judge);
}

// Any value of a type that threads may share: one keyspace holds them all.
any! {
    T000 T001 T002 T003 T004 T005 T006 T007 T008 T009 T010 T011 T012 T013 T014 T015
    T016 T017 T018 T019 T020 T021 T022 T023 T024 T025 T026 T027 T028 T029 T030 T031
    T032 T033 T034 T035 T036 T037 T038 T039 T040 T041 T042 T043 T044 T045 T046 T047
    T048 T049 T050 T051 T052 T053 T054 T055 T056 T057 T058 T059 T060 T061 T062 T063
    T064 T065 T066 T067 T068 T069 T070 T071 T072 T073 T074 T075 T076 T077 T078 T079
    T080 T081 T082 T083 T084 T085 T086 T087 T088 T089 T090 T091 T092 T093 T094 T095
    T096 T097 T098 T099 T100 T101 T102 T103 T104 T105 T106 T107 T108 T109 T110 T111
    T112 T113 T114 T115 T116 T117 T118 T119 T120 T121 T122 T123 T124 T125 T126 T127
    T128 T129 T130 T131 T132 T133 T134 T135 T136 T137 T138 T139 T140 T141 T142 T143
    T144 T145 T146 T147 T148 T149 T150 T151 T152 T153 T154 T155 T156 T157 T158 T159
    T160 T161 T162 T163 T164 T165 T166 T167 T168 T169 T170 T171 T172 T176 T177 T178
    T179 T180 T181 T182 T183 T184 T185 T186 T187 T188 T189 T190 T191 T192 T193 T194
    T195 T196 T197 T198 T199 T200 T201 T202 T203 T204 T205 T206 T207 T208 T209 T210
    T211 T212 T213 T214 T215 T216 T217 T218 T219 T220 T221 T222 T223 T224 T225 T226
    T227 T228 T229 T230 T231 T232 T233 T234 T235 T236 T237 T238 T239 T240 T241 T242
    T243 T244 T245 T246 T247 T248 T249 T250 T251 T252 T253 T254 T255 T256 T257 T258
    T259 T260 T261 T262 T263 T264 T265 T266 T267 T268 T269 T270 T271 T272 T273 T274
    T275 T276 T277 T278 T279 T280 T281 T282 T283 T284 T285 T286 T287 T288 T289 T290
    T291 T292 T293 T294 T295 T296 T297 T298 T299 T300 T301 T302 T303 T304 T305 T306
    T307 T308 T309 T310 T311 T312 T313 T314 T315 T316 T317 T318 T319 T320 T321 T322
    T323 T324 T325 T326 T327 T328 T329 T330 T331 T332 T333 T334 T335 T336 T337 T338
    T339 T340 T341 T342 T343 T344 T345 T346 T347 T348 T349
}
