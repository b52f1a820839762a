"""The benchmarks: does the parser or the loop govern throughput? See README.md."""
