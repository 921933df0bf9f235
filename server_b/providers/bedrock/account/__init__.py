"""The AWS account: credentials, signatures, region and endpoints."""
