//! Trees: what a few figures together say that none says alone.

/// In a node's place for its feature: this is a leaf.
pub const LEAF: u8 = 255;

/// One node. Its first child is the next node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which feature decides, or [`LEAF`].
    pub feature: u8,
    /// Up to this level the first child is next, above it the other.
    pub most: u8,
    /// How many nodes on the other child is; of a leaf, its place among the leaves of the tree.
    pub other: u16,
}

/// One tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The root is the first. Children come after their parents.
    pub nodes: Vec<Node>,
    /// One value for each output and leaf.
    pub leaves: Vec<i8>,
}

/// Trees whose leaves are added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forest {
    pub trees: Vec<Tree>,
    /// What one step of a leaf stands for.
    pub step: f32,
}

impl Tree {
    /// The values of the leaf that these levels lead to; none of a tree that leads nowhere.
    pub fn leaf(&self, levels: &[u8], outputs: usize) -> &[i8] {
        let mut at = 0;
        // Every step leads on, so this ends.
        while let Some(node) = self.nodes.get(at) {
            if node.feature == LEAF {
                let from = usize::from(node.other) * outputs;
                return self.leaves.get(from..from + outputs).unwrap_or_default();
            }
            let level = levels.get(usize::from(node.feature)).copied().unwrap_or(0);
            at += if level <= node.most { 1 } else { usize::from(node.other).max(1) };
        }
        &[]
    }

    /// Whether every path ends in a leaf that there is.
    pub fn whole(&self, features: usize, outputs: usize) -> bool {
        let leaves = self.leaves.len() / outputs.max(1);
        !self.nodes.is_empty()
            && self.leaves.len() == leaves * outputs
            && self.nodes.iter().enumerate().all(|(at, node)| {
                let other = usize::from(node.other);
                if node.feature == LEAF {
                    other < leaves
                } else {
                    usize::from(node.feature) < features && other > 1 && at + other < self.nodes.len()
                }
            })
    }
}

impl Forest {
    /// The sum over the trees, for each output.
    pub fn sum(&self, levels: &[u8], outputs: usize) -> Vec<f32> {
        let mut sums = vec![0i32; outputs];
        for tree in &self.trees {
            for (sum, value) in sums.iter_mut().zip(tree.leaf(levels, outputs)) {
                *sum += i32::from(*value);
            }
        }
        sums.iter().map(|sum| *sum as f32 * self.step).collect()
    }
}
