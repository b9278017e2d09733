//! What each family takes for what a text is made of. Made by `benches/tokens/calibrate.py`; `docs/tokens.md` says how.

use crate::Family;
use crate::text::CLASSES;

/// A token in these units.
pub const ONE: u64 = 1_024;
/// A held text has so many tokens more: of a few words nothing is certain.
pub const LEAST: u32 = 8;
/// What is held for JSON, in eighths of what is likely.
pub const JSON_EIGHTHS: u64 = 11;

/// A family's. All but `tools` in 1,024ths of a token.
#[derive(Debug)]
pub struct Weights {
    /// In the order of [`crate::Class`]: the middle.
    pub likely: [u16; CLASSES],
    /// What nearly no text of people is above; none is below `likely`.
    pub most: [u16; CLASSES],
    /// A byte of JSON.
    pub json: u16,
    /// A byte of an answer in English.
    pub byte: u16,
    /// Tokens that come with tools.
    pub tools: u16,
}

/// What each family takes.
pub const TABLE: [Weights; Family::COUNT] = [
    // o200k
    Weights {
        likely: [651, 74, 235, 400, 1289, 1318, 225, 251, 320, 439, 588, 737, 496, 1578, 2272],
        most: [762, 110, 362, 523, 1668, 2238, 323, 275, 496, 460, 870, 866, 545, 2504, 2379],
        json: 218,
        byte: 284,
        tools: 0,
    },
    // cl100k
    Weights {
        likely: [666, 72, 223, 386, 1278, 2214, 485, 783, 1158, 507, 865, 1137, 910, 1720, 2654],
        most: [716, 187, 500, 475, 1428, 3813, 1035, 1136, 2135, 649, 1028, 1533, 1212, 1847, 2850],
        json: 216,
        byte: 283,
        tools: 0,
    },
    // claude
    Weights {
        likely: [851, 53, 313, 257, 1870, 1573, 316, 617, 817, 1250, 687, 1008, 1057, 1650, 2435],
        most: [903, 191, 688, 273, 2627, 2392, 662, 718, 980, 2895, 850, 1075, 1121, 3107, 2582],
        json: 251,
        byte: 333,
        tools: 346,
    },
    // claude-4.7
    Weights {
        likely: [888, 171, 543, 281, 1766, 1477, 313, 612, 813, 1394, 697, 1011, 1046, 1664, 2381],
        most: [1018, 391, 619, 313, 1965, 2318, 719, 736, 1062, 2901, 871, 1232, 1172, 1851, 2649],
        json: 360,
        byte: 446,
        tools: 346,
    },
    // gemini
    Weights {
        likely: [718, 72, 106, 888, 1895, 1067, 204, 253, 226, 49, 311, 598, 419, 1642, 1805],
        most: [887, 126, 163, 1073, 2664, 2676, 363, 407, 456, 56, 596, 707, 552, 3592, 2051],
        json: 232,
        byte: 315,
        tools: 0,
    },
    // llama
    Weights {
        likely: [649, 78, 226, 395, 1360, 1474, 257, 311, 577, 352, 550, 742, 527, 1550, 2625],
        most: [704, 190, 518, 512, 1522, 3299, 377, 1131, 2156, 655, 725, 867, 627, 2881, 2846],
        json: 216,
        byte: 283,
        tools: 0,
    },
    // qwen
    Weights {
        likely: [582, 103, 203, 993, 1363, 822, 367, 380, 790, 2151, 557, 581, 602, 2045, 1910],
        most: [633, 209, 485, 1094, 1483, 3421, 1020, 624, 1811, 2340, 765, 758, 699, 2290, 2077],
        json: 217,
        byte: 295,
        tools: 0,
    },
    // deepseek
    Weights {
        likely: [752, 55, 206, 328, 1281, 1934, 271, 301, 425, 922, 588, 486, 579, 2166, 2133],
        most: [789, 140, 355, 422, 1465, 3491, 444, 424, 816, 967, 659, 653, 663, 2272, 2237],
        json: 227,
        byte: 294,
        tools: 0,
    },
    // mistral
    Weights {
        likely: [616, 91, 284, 973, 1370, 1392, 255, 249, 405, 762, 577, 851, 513, 1670, 3170],
        most: [691, 155, 458, 1015, 1631, 2080, 372, 374, 548, 791, 640, 978, 579, 1732, 3288],
        json: 225,
        byte: 306,
        tools: 0,
    },
    // other
    Weights {
        likely: [659, 80, 232, 555, 1434, 1264, 257, 285, 381, 601, 518, 640, 520, 2141, 2254],
        most: [716, 170, 424, 1003, 2076, 2854, 954, 1067, 1991, 653, 751, 980, 675, 2375, 2448],
        json: 222,
        byte: 296,
        tools: 0,
    },
];
