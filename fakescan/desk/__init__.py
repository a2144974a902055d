"""What people do with a finished scan: gate and baseline, comparison, review, sealed bundles, redaction."""
