"""The thesis'"'"'s generator: ICUs, patients, treatment, course and the registry'"'"'s view of them."""
