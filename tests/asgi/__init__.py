"""An exchange without HTTP."""
