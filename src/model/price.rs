//! What calls cost: a built-in table, or the operator's own (`QUANTUM_PRICES`). A price that nobody knows is None,
//! never 0: then only steps, minutes and tokens cap a run.

use super::Price;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

const BUILT_IN: &str = include_str!("prices.toml");

/// One model's row: dollars per million tokens, and the window.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    input: f64,
    cached_input: Option<f64>,
    output: f64,
    window: Option<u64>,
}

/// Prices by model name.
#[derive(Clone, Debug, Default)]
pub struct Prices(BTreeMap<String, Row>);

impl Prices {
    /// The built-in table.
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).unwrap_or_default()
    }

    /// The built-in table with the operator's rows over it; the error names the line.
    pub fn with_file(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| format!("{} can't be read: {cause}", path.display()))?;
        let own = Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut all = Self::built_in();
        all.0.extend(own.0);
        Ok(all)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text).map(Self)
    }

    /// The row of a model; a dated name (`gpt-4o-2024-08-06`) is its base's.
    pub fn row(&self, model: &str) -> Option<&Row> {
        self.0.get(model).or_else(|| self.0.get(undated(model)))
    }
}

impl Row {
    /// What a call costs.
    pub fn price(&self) -> Price {
        Price {
            input: self.input,
            cached_input: self.cached_input.unwrap_or(self.input),
            output: self.output,
        }
    }
    /// Tokens that fit.
    pub fn window(&self) -> Option<u64> {
        self.window
    }
}

/// The name without a date at its end.
fn undated(model: &str) -> &str {
    let parts: Vec<&str> = model.rsplitn(4, '-').collect();
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        [day, month, year, name] if digits(day, 2) && digits(month, 2) && digits(year, 4) => name,
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Usd, model::Usage};

    #[test]
    fn prices_are_found_and_summed() {
        let prices = Prices::built_in();
        let check = |model: &str, input: u64, cached: u64, output: u64, expected: Option<u64>| {
            let usage = Usage { input_tokens: input, cached_input_tokens: cached, output_tokens: output };
            assert_eq!(prices.row(model).map(|row| row.price().of(&usage)), expected.map(Usd), "{model}");
        };
        check("gpt-4o", 1_000_000, 0, 0, Some(2_500_000));
        check("gpt-4o-2024-08-06", 1_000_000, 1_000_000, 0, Some(1_250_000));
        check("gpt-5-mini", 0, 0, 1, Some(2));
        check("somebody/else", 1, 1, 1, None);
    }
}
