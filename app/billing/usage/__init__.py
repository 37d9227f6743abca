"""Pay-per-use and overage (CB-13): what was used is uploaded, rated, and charged when its cycle is over."""
