//! Extremely randomized trees (Geurts, Ernst, Wehenkel 2006): each split is the best of a few drawn at random, so that many
//! trees together are smooth and none follows the noise far.

use super::algebra::Dense;
use super::dice::Dice;
use router::predictor::{Forest, LEAF, Node, Tree};

/// How trees are grown.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub trees: usize,
    pub depth: usize,
    /// Fewer rows make no leaf.
    pub leaf: usize,
    /// The share of the features that are tried at a split.
    pub tried: f64,
}

struct Grower<'a> {
    /// Levels by row.
    levels: &'a [Vec<u8>],
    y: &'a Dense,
    growth: Growth,
    features: usize,
    nodes: Vec<Node>,
    leaves: Vec<f64>,
}

impl Grower<'_> {
    fn sums(&self, rows: &[usize]) -> Vec<f64> {
        let mut sums = vec![0.0; self.y.columns];
        for row in rows {
            for (s, y) in sums.iter_mut().zip(self.y.row(*row)) {
                *s += y;
            }
        }
        sums
    }

    /// The best of the splits drawn: feature and level.
    fn split(&self, rows: &[usize], whole: &[f64], dice: &mut Dice) -> Option<(usize, u8)> {
        let wanted = ((self.growth.tried * self.features as f64).ceil() as i64).max(1);
        let mut features: Vec<usize> = (0..self.features).collect();
        let mut best: Option<(f64, usize, u8)> = None;
        let (mut tried, mut drawn) = (0, 0);
        let mut left = vec![0.0; self.y.columns];
        while tried < wanted && drawn < features.len() {
            let other = drawn + dice.below(features.len() - drawn);
            features.swap(drawn, other);
            let feature = features[drawn];
            drawn += 1;
            let of = |row: &usize| self.levels[*row][feature];
            let (least, most) = rows.iter().map(of).fold((255, 0), |(a, b), x: u8| (a.min(x), b.max(x)));
            if least >= most {
                continue;
            }
            tried += 1;
            let spread = usize::from(most - least);
            let at = least + u8::try_from(dice.below(spread)).unwrap_or(0);
            left.fill(0.0);
            let mut n = 0usize;
            for row in rows {
                if of(row) <= at {
                    n += 1;
                    for (s, y) in left.iter_mut().zip(self.y.row(*row)) {
                        *s += y;
                    }
                }
            }
            let rest = rows.len() - n;
            if n < self.growth.leaf || rest < self.growth.leaf {
                continue;
            }
            let (mut a, mut b) = (0.0, 0.0);
            for (l, w) in left.iter().zip(whole) {
                a += l * l;
                b += (w - l) * (w - l);
            }
            let gain = a / n as f64 + b / rest as f64;
            if best.is_none_or(|(most, ..)| gain > most) {
                best = Some((gain, feature, at));
            }
        }
        best.map(|(_, feature, at)| (feature, at))
    }

    fn grow(&mut self, rows: &[usize], depth: usize, dice: &mut Dice) {
        let sums = self.sums(rows);
        let split = if depth < self.growth.depth && rows.len() >= 2 * self.growth.leaf {
            self.split(rows, &sums, dice)
        } else {
            None
        };
        let here = self.nodes.len();
        let Some((feature, most)) = split else {
            let leaf = self.leaves.len() / self.y.columns.max(1);
            self.leaves.extend(sums.iter().map(|s| s / rows.len().max(1) as f64));
            self.nodes.push(Node { feature: LEAF, most: 0, other: u16::try_from(leaf).unwrap_or(0) });
            return;
        };
        self.nodes.push(Node { feature: u8::try_from(feature).unwrap_or(0), most, other: 0 });
        let (low, high): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|r| self.levels[**r][feature] <= most);
        self.grow(&low, depth + 1, dice);
        self.nodes[here].other = u16::try_from(self.nodes.len() - here).unwrap_or(u16::MAX);
        self.grow(&high, depth + 1, dice);
    }
}

/// Trees for the means of `y`, their sum being `share` of it.
pub fn grow(levels: &[Vec<u8>], y: &Dense, growth: Growth, share: f64, dice: &mut Dice) -> Forest {
    let features = levels.first().map_or(0, Vec::len);
    let rows: Vec<usize> = (0..levels.len()).collect();
    let grown: Vec<(Vec<Node>, Vec<f64>)> = (0..growth.trees)
        .map(|_| {
            let mut grower = Grower { levels, y, growth, features, nodes: Vec::new(), leaves: Vec::new() };
            grower.grow(&rows, 0, dice);
            (grower.nodes, grower.leaves)
        })
        .collect();
    let most = grown.iter().flat_map(|(_, l)| l).fold(1e-9f64, |m, x| m.max(x.abs()));
    let step = most / 63.0;
    let trees = grown.into_iter().map(|(nodes, leaves)| Tree {
        nodes,
        leaves: leaves.iter().map(|x| (x / step).round() as i8).collect(),
    });
    Forest { trees: trees.collect(), step: (step * share / growth.trees.max(1) as f64) as f32 }
}
