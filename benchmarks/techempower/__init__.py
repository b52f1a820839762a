"""An entry in the form that TechEmpower's FrameworkBenchmarks wants."""
