//! Whether a reader is made once for both ways along a body, or once for each.
//!
//! Once for each is quicker: then nothing is decided on the way. With the feature `small`, for where every byte of the
//! program is sent to many places, it is made once, and asks at each step which way it goes.

#[cfg(feature = "small")]
pub use both::{parsed, walked};
#[cfg(not(feature = "small"))]
pub use each::{parsed, walked};

#[cfg(not(feature = "small"))]
mod each {
    /// What is still to come, on the walk.
    #[inline]
    pub const fn walked<W>(rest: W) -> W {
        rest
    }

    /// What is still to come, from `serde_json`.
    pub const fn parsed<P>(rest: P) -> P {
        rest
    }
}

#[cfg(feature = "small")]
mod both {
    use crate::json::parsed::Parsed;
    use crate::json::read::{Items, Members, Named, Read};
    use crate::json::walked::Rest;
    use crate::json::wrong::Wrong;

    pub enum Way<'w, 'de, S: ?Sized> {
        Walked(Rest<'w, 'de>),
        Parsed(Parsed<'w, S>),
    }

    /// What is still to come, on the walk.
    pub const fn walked<'w, 'de, S: ?Sized>(rest: Rest<'w, 'de>) -> Way<'w, 'de, S> {
        Way::Walked(rest)
    }

    /// What is still to come, from `serde_json`.
    pub const fn parsed<'w, 'de, S: ?Sized>(rest: Parsed<'w, S>) -> Way<'w, 'de, S> {
        Way::Parsed(rest)
    }

    impl<'w, 'de, S: ?Sized> Items<'de> for Way<'w, 'de, S>
    where
        Parsed<'w, S>: Items<'de>,
    {
        fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
            match self {
                Self::Walked(rest) => rest.next(reader),
                Self::Parsed(rest) => rest.next(reader),
            }
        }
    }

    impl<'w, 'de, S: ?Sized> Members<'de> for Way<'w, 'de, S>
    where
        Parsed<'w, S>: Members<'de>,
    {
        fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong> {
            match self {
                Self::Walked(rest) => rest.key(names),
                Self::Parsed(rest) => rest.key(names),
            }
        }

        fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
            match self {
                Self::Walked(rest) => rest.value(reader),
                Self::Parsed(rest) => rest.value(reader),
            }
        }

        fn raw(&mut self) -> Result<&'de str, Wrong> {
            match self {
                Self::Walked(rest) => rest.raw(),
                Self::Parsed(rest) => rest.raw(),
            }
        }

        fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong> {
            match self {
                Self::Walked(rest) => rest.written(reader),
                Self::Parsed(rest) => rest.written(reader),
            }
        }
    }
}
