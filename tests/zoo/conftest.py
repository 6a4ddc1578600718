"""Let pytest explain failed assertions of the contracts too."""

import pytest

pytest.register_assert_rewrite("contracts")
