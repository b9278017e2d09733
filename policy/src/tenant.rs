//! Whose something is that is kept from one request to the next. Names are made of callers alone: what one tenant chose to call
//! something can be nothing of another's, whatever it says.

use crate::{Caller, Digest};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// An account, and by what kind of credential it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant<'a> {
    account: &'a str,
    principal: Principal,
    /// Who of the account, where that is said.
    user: &'a str,
}

/// By what somebody is known. Those of one kind are not told apart, so a key that is rotated or replaced stays the same caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Principal {
    /// On loopback, without a credential.
    Nobody,
    Operator,
    Key,
    /// A gateway's or an issuer's token, or a gateway's word.
    Token,
}

impl Principal {
    const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Operator => "operator",
            Self::Key => "key",
            Self::Token => "token",
        }
    }
}

impl<'a> Tenant<'a> {
    pub fn of(caller: &'a Caller) -> Self {
        let principal = match caller.key.as_deref() {
            _ if caller.admin => Principal::Operator,
            None => Principal::Nobody,
            Some("context" | "jwt" | "gateway") => Principal::Token,
            Some(_) => Principal::Key,
        };
        Self { account: &caller.account, principal, user: caller.user.as_deref().unwrap_or_default() }
    }

    /// What this caller calls one of its requests.
    pub fn slot(&self, key: IdempotencyKey<'_>) -> Slot {
        let name = named(&["slot", self.account, self.principal.name(), self.user, key.0], &[]);
        Slot { account: self.account.into(), name }
    }

    /// Where the account's answers to one request are, under one plan: what a plan does not have is not told from memory
    /// either. Users and keys of an account share them.
    pub fn page(&self, plan: Option<&str>, request: &Digest) -> Page {
        let planned = if plan.is_some() { "plan" } else { "" };
        Page(*named(&["page", self.account, planned, plan.unwrap_or_default()], request.bytes()).bytes())
    }
}

/// Each text with its length, so that no two lists of texts are one.
fn named(texts: &[&str], more: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(more);
    Digest::from_bytes(hash.finalize().into())
}

/// An `Idempotency-Key`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey<'a>(&'a str);

impl<'a> IdempotencyKey<'a> {
    /// 1 to 255 printable ASCII characters without spaces; None for anything else.
    pub fn new(text: &'a str) -> Option<Self> {
        let sane =
            (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        sane.then_some(Self(text))
    }
}

impl fmt::Debug for IdempotencyKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// The place of one request that its caller named. Of the name nothing is kept but a hash with whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    account: Box<str>,
    name: Digest,
}

impl Slot {
    pub fn account(&self) -> &str {
        &self.account
    }

    pub const fn name(&self) -> &[u8; 32] {
        self.name.bytes()
    }
}

/// The place of an account's answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page([u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(account: &str, key: Option<&str>) -> Caller {
        Caller { account: account.into(), key: key.map(Into::into), ..Caller::default() }
    }

    #[test]
    fn keys_are_printable_and_of_bounded_length() {
        for good in ["a", "stainless-node-retry-8e03978e", "\"quoted\"", &"x".repeat(255)] {
            assert!(IdempotencyKey::new(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a\tb", "é", "\n", "\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", IdempotencyKey::new("secret").unwrap()), "IdempotencyKey(…)");
    }

    #[test]
    fn what_one_tenant_names_is_nothing_of_anothers() {
        let key = IdempotencyKey::new("k").unwrap();
        let of = |caller: &Caller| *Tenant::of(caller).slot(key).name();
        let user = Caller { user: Some("ann".into()), ..caller("red", Some("jwt")) };
        let operator = Caller { admin: true, ..caller("red", Some("admin")) };
        let all = [
            caller("red", Some("key_1")),
            caller("blue", Some("key_1")),
            caller("red", Some("jwt")),
            caller("red", None),
            user,
            operator,
            caller("redkey", Some("")),
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(of(one), of(other), "{one:?} {other:?}");
            }
        }
        // A key that replaces another is the same caller.
        assert_eq!(of(&caller("red", Some("key_1"))), of(&caller("red", Some("key_2"))));
        assert_eq!(of(&caller("red", Some("jwt"))), of(&caller("red", Some("context"))));
    }

    #[test]
    fn a_page_is_of_one_account_one_plan_and_one_request() {
        let request = Digest::of("request");
        let (red, blue) = (caller("red", Some("k")), caller("blue", Some("k")));
        let page =
            |caller: &Caller, plan: Option<&str>, request: &Digest| Tenant::of(caller).page(plan, request);
        let one = page(&red, None, &request);
        assert_eq!(one, page(&caller("red", Some("other")), None, &request));
        for other in [
            page(&blue, None, &request),
            page(&red, Some("pro"), &request),
            page(&red, Some(""), &request),
            page(&red, None, &Digest::of("another")),
        ] {
            assert_ne!(one, other);
        }
    }
}
