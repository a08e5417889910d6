//! Calls to AWS services, or to whatever speaks for them: an endpoint, a signature, a pooled connection, a bounded answer.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use thiserror::Error;

use super::config::{Credentials, IntegrationsConfig};
use crate::arn::Place;
use crate::limits::{
    CLUSTER_TOKEN_SECONDS, CONNECT_MS_MAX, IDLE_CONNECTIONS_MAX, RESPONSE_BYTES_MAX, SERVICE_SECONDS_MAX,
};

/// A service as its callers name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// In the signature's scope: `lambda`, `sns`.
    pub(super) signing_name: &'static str,
    /// At the beginning of AWS's host names.
    pub(super) endpoint_prefix: &'static str,
    /// The model's `serviceId`, which `AWS_ENDPOINT_URL_<…>` ends with.
    pub(super) id: &'static str,
    /// For a service that is in one place for all regions.
    pub(super) place: Option<catalogue::Place>,
    /// How long a call may take at most; a state may allow less.
    pub(super) seconds_max: u64,
}

impl From<&catalogue::Service> for Service {
    fn from(service: &catalogue::Service) -> Self {
        Self {
            signing_name: service.signing_name,
            endpoint_prefix: service.endpoint_prefix,
            id: service.id,
            place: service.place,
            seconds_max: SERVICE_SECONDS_MAX,
        }
    }
}

impl Service {
    /// `SECRETS_MANAGER` for the service `Secrets Manager`, as the SDKs have it.
    fn variable(&self) -> String {
        variable_of(self.id)
    }

    /// S3 wants the body's hash in a header and paths signed as they are (Signature Version 4, "Amazon S3").
    fn signing(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self.signing_name.starts_with("s3") {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        settings
    }
}

fn variable_of(name: &str) -> String {
    name.to_uppercase().replace([' ', '-', '.'], "_")
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: http::Method,
    /// With its leading slash and its query, encoded.
    pub(super) path: String,
    /// Before the host's name on AWS itself; empty for most.
    pub(super) host_prefix: String,
    pub(super) headers: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The id AWS gave the request; a fresh one when it gave none.
    pub(super) fn request_id(&self) -> String {
        self.header("x-amzn-requestid")
            .or_else(|| self.header("x-amz-request-id"))
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// Nobody said where the service is.
    #[error(
        "no endpoint and no credentials are configured for {service}: set AWS_ENDPOINT_URL_{variable} (or AWS_ENDPOINT_URL), \
         or credentials for AWS itself"
    )]
    NoEndpoint { service: &'static str, variable: String },
    /// The endpoint is not a URL.
    #[error("`{0}` is not an endpoint")]
    Endpoint(String),
    /// It could not be signed.
    #[error("the request could not be signed: {0}")]
    Sign(String),
    /// It did not arrive, or its answer did not.
    #[error("Unable to execute HTTP request: {0}")]
    Http(String),
    /// The answer is too long.
    #[error("the answer is longer than {RESPONSE_BYTES_MAX} bytes")]
    TooLong,
}

/// Makes the calls. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: reqwest::Client,
    config: IntegrationsConfig,
}

impl Caller {
    /// Without a proxy: endpoints are near, or AWS.
    pub(super) fn new(config: IntegrationsConfig) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, config })
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Calls a service on behalf of an execution at `place`, and takes the whole answer. Dropping the future ends the call.
    pub(super) async fn call(
        &self,
        service: Service,
        place: &Place,
        request: Request,
        now_ms: i64,
    ) -> Result<Answer, CallError> {
        let exchange = async {
            let response = self.send(service, place, request, now_ms).await?;
            read(response).await
        };
        tokio::time::timeout(Duration::from_secs(service.seconds_max), exchange)
            .await
            .unwrap_or_else(|_| Err(CallError::Http("Read timed out".to_owned())))
    }

    /// The same, as soon as the answer begins; its body is still to be read.
    pub(super) async fn send(
        &self,
        service: Service,
        place: &Place,
        request: Request,
        now_ms: i64,
    ) -> Result<reqwest::Response, CallError> {
        let Target {
            endpoint,
            credentials,
            region,
        } = self.target(service, place, &request.host_prefix)?;
        let url = format!("{}{}", endpoint.trim_end_matches('/'), request.path);
        let mut signed = http::Request::builder().method(request.method).uri(&url);
        let host = host_of(&url).ok_or_else(|| CallError::Endpoint(endpoint.clone()))?;
        signed = signed.header(http::header::HOST, host);
        for (name, value) in request.headers {
            signed = signed.header(name.as_ref(), value);
        }
        let mut signed = signed
            .body(request.body)
            .map_err(|error| CallError::Sign(error.to_string()))?;
        sign_request(&mut signed, &credentials, service, &region, now_ms).map_err(CallError::Sign)?;
        let request =
            reqwest::Request::try_from(signed).map_err(|error| CallError::Http(error.to_string()))?;
        self.client
            .execute(request)
            .await
            .map_err(|error| CallError::Http(innermost(&error)))
    }

    /// Signs a request to something that is no service of the catalogue, such as an API of API Gateway (`execute-api`).
    pub(super) fn sign_for(
        &self,
        signing_name: &'static str,
        request: &mut http::Request<Bytes>,
        place: &Place,
        now_ms: i64,
    ) -> Result<(), String> {
        let host = host_of(&request.uri().to_string()).ok_or("the request has no host")?;
        let host = HeaderValue::from_str(&host).map_err(|error| error.to_string())?;
        request.headers_mut().insert(http::header::HOST, host);
        let credentials = self.config.credentials.clone().unwrap_or_else(|| stand_in(place));
        let service = Service {
            signing_name,
            endpoint_prefix: signing_name,
            id: signing_name,
            place: None,
            seconds_max: SERVICE_SECONDS_MAX,
        };
        sign_request(request, &credentials, service, &place.region, now_ms)
    }

    /// The token that the Kubernetes API of an EKS cluster takes: a request of `sts:GetCallerIdentity` that is signed but not
    /// sent (EKS user guide, "IAM authenticator").
    pub(super) fn cluster_token(&self, cluster: &str, place: &Place, now_ms: i64) -> Result<String, String> {
        let url = format!(
            "https://sts.{}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
            place.region
        );
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(CLUSTER_TOKEN_SECONDS));
        let request = http::Request::builder()
            .uri(&url)
            .header(http::header::HOST, format!("sts.{}.amazonaws.com", place.region))
            .header("x-k8s-aws-id", cluster)
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let credentials = self.config.credentials.clone().unwrap_or_else(|| stand_in(place));
        let (_, added) = signed(&request, &credentials, "sts", settings, &place.region, now_ms)?.into_parts();
        let mut url = url::Url::parse(&url).map_err(|error| error.to_string())?;
        url.query_pairs_mut().extend_pairs(added);
        Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str())))
    }

    /// Where a service is: by the SDK's variable, by the short name that hosts have (`LOGS`), else on AWS.
    fn target(&self, service: Service, place: &Place, host_prefix: &str) -> Result<Target, CallError> {
        let endpoints = &self.config.endpoints;
        let variable = service.variable();
        let configured = endpoints
            .by_service
            .get(&variable)
            .or_else(|| endpoints.by_service.get(&variable_of(service.endpoint_prefix)))
            .or(endpoints.general.as_ref());
        let region = service
            .place
            .map_or_else(|| place.region.to_string(), |place| place.region.to_owned());
        match (&self.config.credentials, configured) {
            (credentials, Some(endpoint)) => Ok(Target {
                endpoint: endpoint.clone(),
                credentials: credentials.clone().unwrap_or_else(|| stand_in(place)),
                region,
            }),
            (Some(credentials), None) => {
                let domain = if place.partition() == "aws-cn" {
                    "amazonaws.com.cn"
                } else {
                    "amazonaws.com"
                };
                let host = match service.place {
                    Some(place) => place.host.to_owned(),
                    None => format!("{}.{region}.{domain}", service.endpoint_prefix),
                };
                Ok(Target {
                    endpoint: format!("https://{host_prefix}{host}"),
                    credentials: credentials.clone(),
                    region,
                })
            }
            (None, None) => Err(CallError::NoEndpoint {
                service: service.endpoint_prefix,
                variable,
            }),
        }
    }
}

/// Where a request goes, and as whom.
struct Target {
    endpoint: String,
    credentials: Credentials,
    region: String,
}

/// The key for endpoints that check none: the account's number, which LocalStack and moto take as the account.
fn stand_in(place: &Place) -> Credentials {
    Credentials {
        access_key: place.account.to_string(),
        secret: "signalbox".to_owned(),
        session_token: None,
    }
}

fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn sign_request(
    request: &mut http::Request<Bytes>,
    credentials: &Credentials,
    service: Service,
    region: &str,
    now_ms: i64,
) -> Result<(), String> {
    let settings = service.signing();
    let (to_add, _) = signed(
        request,
        credentials,
        service.signing_name,
        settings,
        region,
        now_ms,
    )?
    .into_parts();
    for header in to_add {
        let (Ok(name), Ok(value)) = (
            HeaderName::try_from(header.name()),
            HeaderValue::try_from(header.value()),
        ) else {
            return Err(format!("`{}` can't be a header", header.name()));
        };
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// What signing adds to a request.
fn signed(
    request: &http::Request<Bytes>,
    credentials: &Credentials,
    signing_name: &str,
    settings: SigningSettings,
    region: &str,
    now_ms: i64,
) -> Result<SigningInstructions, String> {
    let identity = aws_credential_types::Credentials::new(
        credentials.access_key.clone(),
        credentials.secret.clone(),
        credentials.session_token.clone(),
        None,
        "configured",
    )
    .into();
    let since_1970 = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(signing_name)
        .time(UNIX_EPOCH + since_1970)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(request.body()),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(signable, &params)
        .map_err(|error| error.to_string())?
        .into_parts();
    Ok(instructions)
}

/// The whole answer, unless it is too long.
pub(super) async fn read(response: reqwest::Response) -> Result<Answer, CallError> {
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| CallError::Http(innermost(&error)))?;
        if body.len() + chunk.len() > RESPONSE_BYTES_MAX {
            return Err(CallError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}

/// What really happened, below the layers that only say that something did.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
