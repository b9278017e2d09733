//! The weights as bytes: little-endian, with a version, a length and a checksum, and every size checked before it is used.

use super::Predictor;
use super::forest::{Forest, Node, Tree};
use super::reader::{BUCKETS, SHAPES};
use super::weights::{COLUMNS_MAX, FEATURES_MAX, Known, Source, Table};
use std::fmt;

const MAGIC: &[u8; 8] = b"weir-prd";
/// The version that is written and read.
pub const VERSION: u32 = 1;
/// Longer weights are not read.
pub const BYTES_MAX: usize = 8 << 20;
const HEADER: usize = 8 + 4 + 4 + 8;
const SOURCES_MAX: usize = 64;
const MODELS_MAX: usize = 256;
const NAME_MAX: usize = 200;
const TREES_MAX: usize = 1024;

/// Why weights cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They do not begin as weights do.
    NotWeights,
    /// They are of another version.
    Version(u32),
    /// They end too soon, or go on after their end.
    Length,
    /// They were changed.
    Checksum,
    /// A figure is out of bounds; which.
    Bounds(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWeights => write!(f, "this is no weights file of a predictor"),
            Self::Version(found) => write!(f, "the weights are of version {found}, not {VERSION}"),
            Self::Length => write!(f, "the weights are longer or shorter than they say"),
            Self::Checksum => write!(f, "the weights' checksum is wrong: they were changed"),
            Self::Bounds(what) => write!(f, "the weights are wrong: {what} out of bounds"),
        }
    }
}

impl std::error::Error for Flaw {}

/// 64 bit FNV-1a: against accidents, not against forgers.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Flaw> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(Flaw::Length)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.take(N)?.try_into().map_err(|_| Flaw::Length)
    }

    /// A size, which may not be above `most`.
    fn size(&mut self, most: usize, what: &'static str) -> Result<usize, Flaw> {
        let size = usize::from(u16::from_le_bytes(self.array()?));
        if size > most { Err(Flaw::Bounds(what)) } else { Ok(size) }
    }

    fn float(&mut self) -> Result<f32, Flaw> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// Finite numbers.
    fn floats(&mut self, n: usize, what: &'static str) -> Result<Vec<f32>, Flaw> {
        let floats: Vec<f32> = (0..n).map(|_| self.float()).collect::<Result<_, _>>()?;
        if floats.iter().all(|x| x.is_finite() && x.abs() < 1e9) {
            Ok(floats)
        } else {
            Err(Flaw::Bounds(what))
        }
    }

    fn text(&mut self) -> Result<String, Flaw> {
        let n = self.size(NAME_MAX, "a name")?;
        String::from_utf8(self.take(n)?.to_vec()).map_err(|_| Flaw::Bounds("a name"))
    }

    fn signed(&mut self, n: usize) -> Result<Vec<i8>, Flaw> {
        Ok(self.take(n)?.iter().map(|b| i8::from_le_bytes([*b])).collect())
    }

    fn table(&mut self) -> Result<Table, Flaw> {
        if self.size(usize::from(u16::MAX), "buckets")? != BUCKETS || self.size(SHAPES, "shapes")? != SHAPES {
            return Err(Flaw::Bounds("buckets or shapes"));
        }
        let columns = self.size(COLUMNS_MAX, "columns")?;
        let domains = self.size(columns, "domains")?;
        if domains + columns + SHAPES > FEATURES_MAX {
            return Err(Flaw::Bounds("features"));
        }
        let mut table = Table {
            domains,
            columns,
            steps: self.floats(columns, "a step")?,
            bias: self.floats(columns, "a bias")?,
            rarity: self.take(BUCKETS)?.to_vec(),
            cells: Vec::new(),
        };
        table.cells = self.signed(BUCKETS * table.stride())?;
        Ok(table)
    }

    fn known(&mut self) -> Result<Known, Flaw> {
        let known = Known {
            name: self.text()?,
            quality: self.float()?,
            output: self.float()?,
            cost: self.float()?,
            usd_in: self.float()?,
            usd_out: self.float()?,
            input_factor: self.float()?,
        };
        let amounts = [known.output, known.cost, known.input_factor];
        let prices = [known.usd_in, known.usd_out];
        let fine = (0.0..=1.0).contains(&known.quality)
            && amounts.iter().all(|x| (0.0..1e9).contains(x))
            && prices.iter().all(|x| x.is_nan() || (0.0..1e9).contains(x));
        if fine { Ok(known) } else { Err(Flaw::Bounds("a model's means")) }
    }

    fn tree(&mut self, features: usize, outputs: usize) -> Result<Tree, Flaw> {
        let nodes = self.size(usize::from(u16::MAX), "nodes")?;
        let leaves = self.size(nodes, "leaves")?;
        let nodes = (0..nodes)
            .map(|_| {
                let [feature, most, low, high] = self.array()?;
                Ok(Node { feature, most, other: u16::from_le_bytes([low, high]) })
            })
            .collect::<Result<_, Flaw>>()?;
        let tree = Tree { nodes, leaves: self.signed(leaves * outputs)? };
        if tree.whole(features, outputs) { Ok(tree) } else { Err(Flaw::Bounds("a tree")) }
    }

    fn source(&mut self, table: &Table) -> Result<Source, Flaw> {
        let name = self.text()?;
        let models = self.size(MODELS_MAX, "models")?;
        let models = (0..models).map(|_| self.known()).collect::<Result<Vec<_>, _>>()?;
        let columns = 2 * models.len() + 2;
        let heads = table.features() * columns;
        let familiar = self.floats(table.domains, "familiarity")?;
        let mean = self.floats(table.figures(), "a mean")?;
        let inverse = self.floats(table.figures(), "a spread")?;
        let heads = self.take(2 * heads)?.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let steps = self.floats(columns, "a step")?;
        let bias = self.floats(columns, "a bias")?;
        let step = self.floats(1, "a step")?[0];
        let trees = self.size(TREES_MAX, "trees")?;
        let trees =
            (0..trees).map(|_| self.tree(table.features(), models.len())).collect::<Result<_, _>>()?;
        Ok(Source {
            name,
            models,
            familiar,
            mean,
            inverse,
            heads,
            steps,
            bias,
            forest: Forest { trees, step },
        })
    }
}

impl Predictor {
    /// Reads weights.
    ///
    /// # Errors
    /// What is wrong with them. Nothing that comes of bytes read without error can panic.
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut header = Bytes(bytes);
        if bytes.len() < HEADER || header.take(8)? != MAGIC {
            return Err(Flaw::NotWeights);
        }
        let version = u32::from_le_bytes(header.array()?);
        if version != VERSION {
            return Err(Flaw::Version(version));
        }
        let length = u32::from_le_bytes(header.array()?);
        let sum = u64::from_le_bytes(header.array()?);
        let body = header.0;
        if bytes.len() > BYTES_MAX || usize::try_from(length) != Ok(body.len()) {
            return Err(Flaw::Length);
        }
        if checksum(body) != sum {
            return Err(Flaw::Checksum);
        }
        let mut body = Bytes(body);
        let table = body.table()?;
        let sources = body.size(SOURCES_MAX, "sources")?;
        let sources = (0..sources).map(|_| body.source(&table)).collect::<Result<_, _>>()?;
        if body.0.is_empty() { Ok(Self { table, sources }) } else { Err(Flaw::Length) }
    }

    /// The bytes that [`Predictor::read`] reads.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Out(Vec::new());
        out.size(BUCKETS);
        out.size(SHAPES);
        out.size(self.table.columns);
        out.size(self.table.domains);
        out.floats(&self.table.steps);
        out.floats(&self.table.bias);
        out.0.extend_from_slice(&self.table.rarity);
        out.signed(&self.table.cells);
        out.size(self.sources.len());
        for source in &self.sources {
            out.source(source);
        }
        let body = out.0;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(checksum(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }
}

struct Out(Vec<u8>);

impl Out {
    fn size(&mut self, size: usize) {
        self.0.extend(u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes());
    }

    fn floats(&mut self, floats: &[f32]) {
        self.0.extend(floats.iter().flat_map(|x| x.to_le_bytes()));
    }

    fn signed(&mut self, cells: &[i8]) {
        self.0.extend(cells.iter().flat_map(|x| x.to_le_bytes()));
    }

    fn text(&mut self, text: &str) {
        let end = (0..=text.len().min(NAME_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.size(end);
        self.0.extend_from_slice(&text.as_bytes()[..end]);
    }

    fn source(&mut self, source: &Source) {
        self.text(&source.name);
        self.size(source.models.len());
        for known in &source.models {
            self.text(&known.name);
            let means = [known.quality, known.output, known.cost];
            self.floats(&means);
            self.floats(&[known.usd_in, known.usd_out, known.input_factor]);
        }
        self.floats(&source.familiar);
        self.floats(&source.mean);
        self.floats(&source.inverse);
        self.0.extend(source.heads.iter().flat_map(|x| x.to_le_bytes()));
        self.floats(&source.steps);
        self.floats(&source.bias);
        self.floats(&[source.forest.step]);
        self.size(source.forest.trees.len());
        for tree in &source.forest.trees {
            self.size(tree.nodes.len());
            self.size(tree.leaves.len() / source.models.len().max(1));
            for node in &tree.nodes {
                let [low, high] = node.other.to_le_bytes();
                self.0.extend([node.feature, node.most, low, high]);
            }
            self.signed(&tree.leaves);
        }
    }
}
