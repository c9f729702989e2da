"""Prefect's settings, some of them otherwise for a while."""

from __future__ import annotations

from prefect.context import SettingsContext, get_settings_context


def altered(group: str, **values: object) -> SettingsContext:
    """A context; Prefect's own `temporary_settings` checks all settings anew, which takes 60 ms."""
    now = get_settings_context()
    changed = getattr(now.settings, group).model_copy(update=values)
    return SettingsContext(profile=now.profile, settings=now.settings.model_copy(update={group: changed}))
