"""The thesis on IVIgG in sepsis (JSEPTIC-DIC registry), the study that stands where none is named."""
