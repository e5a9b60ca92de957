"""What integration tests of several parts share."""

import pytest
from choice_rig import ChoiceRig
from crm_rig import CrmRig
from manager_rig import ManagerRig

from geo_service.database.database import Database


@pytest.fixture
async def rig(database: Database, tenant_id: str) -> ChoiceRig:
    """A customer, his phone, his voucher, and a way to commit choices about them."""
    rig = ChoiceRig(database, tenant_id)
    await rig.set_up()
    return rig


@pytest.fixture
async def manager_rig(database: Database, database_dsn: str, tenant_id: str) -> ManagerRig:
    """The manager's and QA's calls over the real app, for the tenants `test` and `other`."""
    rig = ManagerRig(database, database_dsn, tenant_id)
    await rig.set_up()
    return rig


@pytest.fixture
async def crm_rig(database: Database, database_dsn: str, tenant_id: str) -> CrmRig:
    """Phones, CRM and till over the real app with real keys, for the tenants `test` and `other`."""
    rig = CrmRig(database, database_dsn, tenant_id)
    await rig.set_up()
    return rig
