//! Annotations as tables.

/// One column of a table of annotations; missing values are `None`, or NaN for numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Real numbers, and integers too large for 32 bits.
    Number(Vec<f64>),
    /// Integers.
    Integer(Vec<Option<i32>>),
    /// True or false.
    Logical(Vec<Option<bool>>),
    /// Text.
    Text(Vec<Option<String>>),
    /// Categories, as positions in `levels`.
    Factor {
        /// Position of each entry's category.
        codes: Vec<Option<u32>>,
        /// Names of the categories.
        levels: Vec<String>,
        /// True if the categories have an order.
        ordered: bool,
    },
}

impl Column {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Column::Number(x) => x.len(),
            Column::Integer(x) => x.len(),
            Column::Logical(x) => x.len(),
            Column::Text(x) => x.len(),
            Column::Factor { codes, .. } => codes.len(),
        }
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all texts, those of categories included, are as they should be.
    pub(crate) fn all_texts(&self, should: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Column::Text(texts) => texts.iter().flatten().all(|text| should(text)),
            Column::Factor { levels, .. } => levels.iter().all(|level| should(level)),
            _ => true,
        }
    }

    /// The entries as R writes them; missing ones become `NA`.
    pub fn into_text(self) -> Vec<String> {
        fn show<T: ToString>(values: Vec<Option<T>>) -> Vec<String> {
            let text = |v: Option<T>| v.map_or_else(|| "NA".to_owned(), |v| v.to_string());
            values.into_iter().map(text).collect()
        }
        match self {
            Column::Number(x) => x.iter().map(f64::to_string).collect(),
            Column::Integer(x) => show(x),
            Column::Logical(x) => {
                let text = |v: bool| if v { "TRUE" } else { "FALSE" };
                show(x.into_iter().map(|v| v.map(text)).collect())
            }
            Column::Text(x) => show(x),
            Column::Factor { codes, levels, .. } => show(
                codes
                    .iter()
                    .map(|c| c.map(|c| &levels[c as usize]))
                    .collect(),
            ),
        }
    }
}

/// Annotations of cells or of genes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Names of the rows as the file has them; they may repeat.
    pub names: Vec<String>,
    /// Named columns, each as long as `names`.
    pub columns: Vec<(String, Column)>,
}
