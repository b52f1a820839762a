__all__ = ("TCHAR",)

TCHAR: str
