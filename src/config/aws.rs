//! The AWS SDKs' own variables for endpoints: `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.

use std::collections::BTreeMap;

const PREFIX: &str = "AWS_ENDPOINT_URL";

/// Where AWS clients go instead of AWS: LocalStack, moto, a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsEndpoints {
    /// `AWS_ENDPOINT_URL`.
    general: Option<String>,
    /// `AWS_ENDPOINT_URL_LAMBDA` under `LAMBDA`.
    by_service: BTreeMap<String, String>,
}

impl AwsEndpoints {
    /// What this process's environment says. `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` turns all of it off, as in the SDKs.
    pub(super) fn from_process() -> Self {
        Self::from_variables(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut endpoints = Self::default();
        for (name, value) in variables {
            if name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" && value.eq_ignore_ascii_case("true") {
                return Self::default();
            }
            match name.strip_prefix(PREFIX) {
                Some(_) | None if value.is_empty() => {}
                Some("") => endpoints.general = Some(value),
                Some(service) => {
                    if let Some(service) = service.strip_prefix('_') {
                        endpoints.by_service.insert(service.to_owned(), value);
                    }
                }
                None => {}
            }
        }
        endpoints
    }

    /// The endpoint of a service by its name in the variables (`SFN`, `SNS`, `LAMBDA`, `CLOUDWATCH`, …), else the general
    /// one, else none: AWS itself.
    pub fn of(&self, service: &str) -> Option<&str> {
        self.by_service
            .get(service)
            .or(self.general.as_ref())
            .map(String::as_str)
    }

    /// Whether any service has an endpoint here.
    pub fn lead_away_from_aws(&self) -> bool {
        self.general.is_some() || !self.by_service.is_empty()
    }

    /// The general endpoint.
    pub fn general(&self) -> Option<&str> {
        self.general.as_deref()
    }

    /// Every service that has an endpoint of its own, with it.
    pub fn by_service(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_service
            .iter()
            .map(|(service, url)| (service.as_str(), url.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(variables: &[(&str, &str)]) -> AwsEndpoints {
        AwsEndpoints::from_variables(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn a_service_s_own_endpoint_wins_over_the_general_one() {
        let endpoints = endpoints(&[
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://lambda"),
            ("AWS_ENDPOINT_URL_SNS", ""),
        ]);
        assert_eq!(endpoints.of("LAMBDA"), Some("http://lambda"));
        assert_eq!(endpoints.of("SNS"), Some("http://all"));
    }

    #[test]
    fn the_sdks_switch_turns_them_off() {
        let endpoints = endpoints(&[
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ]);
        assert_eq!(endpoints, AwsEndpoints::default());
    }
}
