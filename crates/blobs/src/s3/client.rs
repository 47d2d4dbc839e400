//! The connection: who we are, where the server is, and how long anything may take.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{Limits, OpenError, Settings};

const REGION_DEFAULT: &str = "us-east-1";

pub(super) fn region(settings: &Settings) -> String {
    let named = settings.s3_region.as_deref().filter(|region| !region.is_empty());
    named.unwrap_or(REGION_DEFAULT).to_owned()
}

pub(super) fn connect(settings: &Settings) -> Result<Client, OpenError> {
    let endpoint = endpoint(settings)?;
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(endpoint))
        .credentials_provider(credentials(settings)?)
        .region(Region::new(region(settings)))
        // Servers that are not AWS have no bucket subdomains and know few of its checksums. Parts stay signed, so what
        // arrives broken is refused all the same.
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    let config = bounded(config, settings.limits);
    Ok(Client::from_conf(config.build()))
}

/// Without TLS there is no need to hold every root certificate of the machine in memory.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        return HttpClient::new().build_http();
    }
    // The crypto provider belongs to this client; the process keeps its own choice.
    HttpClient::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn bounded(config: aws_sdk_s3::config::Builder, limits: Limits) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(limits.connect_timeout)
        .operation_attempt_timeout(limits.attempt_timeout)
        .operation_timeout(limits.operation_timeout);
    // A body is not covered by the timeout of its request.
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(limits.attempt_timeout);
    config
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(limits.attempts_max))
        .stalled_stream_protection(stalls.build())
}

fn credentials(settings: &Settings) -> Result<Credentials, OpenError> {
    let given = |value: &Option<String>| {
        value
            .clone()
            .filter(|text| !text.is_empty())
            .ok_or(OpenError::NoCredentials)
    };
    let key_id = given(&settings.access_key_id)?;
    let secret = given(&settings.secret_access_key)?;
    Ok(Credentials::new(key_id, secret, None, None, "settings"))
}

fn endpoint(settings: &Settings) -> Result<Option<&str>, OpenError> {
    let Some(endpoint) = settings.s3_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(None);
    };
    let known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if !known || endpoint.contains('@') {
        let value = crate::settings::mask_user(endpoint);
        return Err(OpenError::Invalid {
            what: "S3 endpoint (write `http://host:port`)",
            value,
        });
    }
    Ok(Some(endpoint))
}
