//! How a receiver knows that a message is ours and was not changed: Standard Webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const ENCODED: &str = "whsec_";
const MICROS_PER_SECOND: i64 = 1_000_000;

/// What nothing can be signed with. It does not say the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is nothing, or what stands behind `whsec_` is no Base64")]
pub struct InvalidSecret;

/// What a message is signed with. It shows itself nowhere.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What goes into the headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// In seconds: a receiver refuses what was signed long ago.
    pub(super) timestamp: String,
    pub(super) signature: String,
}

impl Secret {
    /// `whsec_` and Base64 are the bytes that they encode; what begins otherwise is taken as it is written.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let key = match text.strip_prefix(ENCODED) {
            // Taken as it is written it would sign, but not with what the receiver has.
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| InvalidSecret)?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err(InvalidSecret);
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|_| InvalidSecret)
    }

    pub(super) fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> Signed {
        let timestamp = now.as_micros().div_euclid(MICROS_PER_SECOND).to_string();
        let mut code = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            code.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
        Signed { timestamp, signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_what_the_specification_says() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_micros(1_614_265_330_999_999);
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed.timestamp, "1614265330");
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_not_encoded_is_taken_as_it_is() {
        let at = Timestamp::from_micros(0);
        let sign = |text: &str| Secret::parse(text).unwrap().sign("id", at, b"{}").signature;
        assert_eq!(sign("whsec_c2VjcmV0"), sign("secret"));
        assert_ne!(sign("c2VjcmV0"), sign("secret"));
    }

    #[test]
    fn a_secret_that_says_it_is_encoded_and_is_not_is_refused() {
        for text in [
            "",
            "whsec_",
            "whsec_!",
            "whsec_c2VjcmV0!",
            "whsec_c2Vjcm",
            "whsec_ c2VjcmV0",
        ] {
            assert_eq!(Secret::parse(text).err(), Some(InvalidSecret), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::parse("secret")), "Ok(Secret(…))");
    }
}
