"""What is known, as documents, read models and pages."""
