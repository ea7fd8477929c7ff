"""Schemas written in other languages: SQL DDL, JSON Schema, pydantic models, dbt, SDV metadata."""
