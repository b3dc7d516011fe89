//! Settings of the edge towards the open network.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use crate::origins::OriginPattern;

/// Whom the gateway believes what about the network in front of it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network edge")]
pub struct EdgeConfig {
    /// Addresses or networks (`10.0.0.0/8`) of the proxies in front, separated by commas. What they write into
    /// X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto is believed, and nobody else's.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Pages that may use the gateway besides those of its own origin, separated by commas: origins
    /// (`https://chat.example.org`, `http://localhost:5173`), all hosts below one (`https://*.example.org`), `null`
    /// for pages from files, `*` for every page. Concerns browsers only; others do not say where they come from.
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<OriginPattern>,
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address or a network, like 10.0.0.0/8 or fd00::/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        assert_eq!(network("192.0.2.1"), Ok("192.0.2.1/32".parse().unwrap()));
        assert_eq!(network(" 10.0.0.0/8"), Ok("10.0.0.0/8".parse().unwrap()));
        assert_eq!(network("fd00::1"), Ok("fd00::1/128".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "localhost", "10.0.0"] {
            assert!(network(bad).is_err(), "{bad:?}");
        }
    }
}
