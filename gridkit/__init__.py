"""gridkit: run a city district by grid (网格化管理).

A district goes in; cells, people, located problems, cases, scores, maps and bulletins come out::

    district ─ division ─▶ cells ─ staffing ─▶ posts ─┐
                             │                        ▼
     files ── intake ──▶ reports ─ location ─▶ located ─ casework ─▶ cases ─▶ scores ─▶ maps

The public names below load what they need on first use, so that ``import gridkit`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calendar import WorkCalendar as WorkCalendar
    from .casework.cases import file_cases as file_cases
    from .casework.clock import WorkClock as WorkClock
    from .casework.escalation import EscalationStep as EscalationStep
    from .casework.escalation import escalations as escalations
    from .casework.escalation import load_escalation as load_escalation
    from .casework.filing import Filed as Filed
    from .casework.hindsight import then_and_now as then_and_now
    from .casework.ledger import Ledger as Ledger
    from .casework.limits import Limit as Limit
    from .casework.limits import ParsedLimits as ParsedLimits
    from .casework.limits import parse_limit as parse_limit
    from .casework.limits import parse_limits as parse_limits
    from .casework.machine import move_case as move_case
    from .casework.open311 import open311_requests as open311_requests
    from .casework.open311 import open311_services as open311_services
    from .casework.open311 import write_open311 as write_open311
    from .casework.process import Process as Process
    from .casework.process import load_process as load_process
    from .casework.sheet import Taken as Taken
    from .casework.sheet import take_ledger_sheet as take_ledger_sheet
    from .casework.sheet import write_ledger_sheet as write_ledger_sheet
    from .crs import suggest_crs as suggest_crs
    from .crs import to_datum as to_datum
    from .demo.city import City as City
    from .demo.city import make_city as make_city
    from .demo.city import write_city as write_city
    from .division.blocks import Blocks as Blocks
    from .division.blocks import street_blocks as street_blocks
    from .division.changes import Edit as Edit
    from .division.checks import check_cells as check_cells
    from .division.codes import number_cells as number_cells
    from .division.compass import four_bounds as four_bounds
    from .division.drafting import divide as divide
    from .division.groups import group as group
    from .division.groups import group_labels as group_labels
    from .division.lattice import hex_cells as hex_cells
    from .division.lattice import square_cells as square_cells
    from .division.life import merge_cells as merge_cells
    from .division.life import redraw_cells as redraw_cells
    from .division.life import split_cell as split_cell
    from .division.lineage import cells_at as cells_at
    from .division.lineage import follow as follow
    from .division.rebalancing import Rebalanced as Rebalanced
    from .division.rebalancing import rebalance as rebalance
    from .division.redivision import redivide as redivide
    from .division.repair import Repair as Repair
    from .division.repair import repair_cells as repair_cells
    from .division.schemes import CodeScheme as CodeScheme
    from .division.splitting import Split as Split
    from .division.splitting import split_blocks as split_blocks
    from .errors import ConflictError as ConflictError
    from .errors import CRSError as CRSError
    from .errors import FileError as FileError
    from .errors import GeometryError as GeometryError
    from .errors import GridkitError as GridkitError
    from .errors import GridkitWarning as GridkitWarning
    from .errors import MoveError as MoveError
    from .errors import OptionError as OptionError
    from .errors import SchemaError as SchemaError
    from .evaluation.audits import audit_table as audit_table
    from .evaluation.clusters import hotspots as hotspots
    from .evaluation.definitions import Definitions as Definitions
    from .evaluation.definitions import load_indicators as load_indicators
    from .evaluation.facets import compare_periods as compare_periods
    from .evaluation.facets import time_facets as time_facets
    from .evaluation.heat import Density as Density
    from .evaluation.heat import densities as densities
    from .evaluation.heat import density as density
    from .evaluation.periods import Period as Period
    from .evaluation.ranking import call_in as call_in
    from .evaluation.ranking import cards as cards
    from .evaluation.ranking import rank as rank
    from .evaluation.ranking import share_reward as share_reward
    from .evaluation.ranking import warn as warn
    from .evaluation.rates import indicators as indicators
    from .evaluation.rates import percent as percent
    from .evaluation.scoring import Scoring as Scoring
    from .evaluation.scoring import load_scoring as load_scoring
    from .evaluation.scoring import score as score
    from .evaluation.scoring import score_parts as score_parts
    from .evaluation.smoothing import smooth_rates as smooth_rates
    from .evaluation.tallies import tally as tally
    from .intake.categories import read_categories as read_categories
    from .intake.categories import suggest_category as suggest_category
    from .intake.datums import DatumAdvice as DatumAdvice
    from .intake.datums import suggest_datum as suggest_datum
    from .intake.district import District as District
    from .intake.district import district_of as district_of
    from .intake.district import district_of_streets as district_of_streets
    from .intake.district import read_cells as read_cells
    from .intake.district import read_district as read_district
    from .intake.duplicates import DuplicateIndex as DuplicateIndex
    from .intake.duplicates import Reach as Reach
    from .intake.duplicates import find_duplicates as find_duplicates
    from .intake.duplicates import text_similarity as text_similarity
    from .intake.gazetteer import Gazetteer as Gazetteer
    from .intake.places import district_places as district_places
    from .intake.places import read_places as read_places
    from .intake.reports import Intake as Intake
    from .intake.reports import read_reports as read_reports
    from .intake.roster import read_roster as read_roster
    from .intake.roster_sheet import roster_template as roster_template
    from .location.addresses import AddressMatches as AddressMatches
    from .location.addresses import match_addresses as match_addresses
    from .location.editions import Edition as Edition
    from .location.editions import check_edition as check_edition
    from .location.locator import Locator as Locator
    from .location.owner import locate as locate
    from .location.reasons import explain as explain
    from .location.stream import StreamResult as StreamResult
    from .location.stream import locate_stream as locate_stream
    from .plan.bundle import Plan as Plan
    from .plan.handwork import HandEdit as HandEdit
    from .plan.handwork import from_qgis as from_qgis
    from .plan.handwork import to_qgis as to_qgis
    from .privacy import mask_people as mask_people
    from .publishing.audit_maps import audit_map as audit_map
    from .publishing.bulletins import Bulletin as Bulletin
    from .publishing.bulletins import bulletin as bulletin
    from .publishing.case_maps import case_map as case_map
    from .publishing.compare_maps import compare_map as compare_map
    from .publishing.dashboards import dashboard_map as dashboard_map
    from .publishing.dashboards import publish_dashboard as publish_dashboard
    from .publishing.editor import edit_cells as edit_cells
    from .publishing.finding_maps import findings_map as findings_map
    from .publishing.heat_maps import heat_map as heat_map
    from .publishing.hotspot_maps import hotspot_map as hotspot_map
    from .publishing.maps import cell_map as cell_map
    from .publishing.monthly import monthly_report as monthly_report
    from .publishing.notices import notice_cards as notice_cards
    from .publishing.offline import GridMap as GridMap
    from .publishing.offline import save_map as save_map
    from .publishing.print_maps import print_map as print_map
    from .publishing.workbooks import workbook as workbook
    from .rules import Category as Category
    from .rules import LimitRule as LimitRule
    from .rules import Responsibility as Responsibility
    from .rules import Role as Role
    from .rules import load_barriers as load_barriers
    from .rules import load_categories as load_categories
    from .rules import load_responsibility as load_responsibility
    from .rules import load_roles as load_roles
    from .rules import load_stage_limits as load_stage_limits
    from .sheets import write_csv as write_csv
    from .sheets import write_xlsx as write_xlsx
    from .staffing.answers import PostReason as PostReason
    from .staffing.answers import Shortage as Shortage
    from .staffing.answers import explain_post as explain_post
    from .staffing.answers import explain_shortage as explain_shortage
    from .staffing.command import chain_of as chain_of
    from .staffing.duty import on_duty as on_duty
    from .staffing.duty_words import duty_text as duty_text
    from .staffing.fixes import five_fixes as five_fixes
    from .staffing.history import compare_posts as compare_posts
    from .staffing.history import hand_over as hand_over
    from .staffing.history import posts_at as posts_at
    from .staffing.history import record_posts as record_posts
    from .staffing.lists import posting_lists as posting_lists
    from .staffing.ownership import responsible as responsible
    from .staffing.post_checks import check_posts as check_posts
    from .staffing.posts import assign as assign
    from .staffing.proof import Proof as Proof
    from .staffing.proof import prove_posts as prove_posts

_HOMES = {
    "AddressMatches": "location.addresses",
    "Blocks": "division.blocks",
    "Bulletin": "publishing.bulletins",
    "CRSError": "errors",
    "Category": "rules",
    "City": "demo.city",
    "CodeScheme": "division.schemes",
    "ConflictError": "errors",
    "DatumAdvice": "intake.datums",
    "Definitions": "evaluation.definitions",
    "Density": "evaluation.heat",
    "District": "intake.district",
    "DuplicateIndex": "intake.duplicates",
    "Edit": "division.changes",
    "Edition": "location.editions",
    "EscalationStep": "casework.escalation",
    "FileError": "errors",
    "Filed": "casework.filing",
    "Gazetteer": "intake.gazetteer",
    "GeometryError": "errors",
    "GridMap": "publishing.offline",
    "GridkitError": "errors",
    "GridkitWarning": "errors",
    "HandEdit": "plan.handwork",
    "Intake": "intake.reports",
    "Ledger": "casework.ledger",
    "Limit": "casework.limits",
    "LimitRule": "rules",
    "Locator": "location.locator",
    "MoveError": "errors",
    "OptionError": "errors",
    "ParsedLimits": "casework.limits",
    "Period": "evaluation.periods",
    "Plan": "plan.bundle",
    "PostReason": "staffing.answers",
    "Process": "casework.process",
    "Proof": "staffing.proof",
    "Reach": "intake.duplicates",
    "Rebalanced": "division.rebalancing",
    "Repair": "division.repair",
    "Responsibility": "rules",
    "Role": "rules",
    "SchemaError": "errors",
    "Scoring": "evaluation.scoring",
    "Shortage": "staffing.answers",
    "Split": "division.splitting",
    "StreamResult": "location.stream",
    "Taken": "casework.sheet",
    "WorkCalendar": "calendar",
    "WorkClock": "casework.clock",
    "assign": "staffing.posts",
    "audit_map": "publishing.audit_maps",
    "audit_table": "evaluation.audits",
    "bulletin": "publishing.bulletins",
    "call_in": "evaluation.ranking",
    "cards": "evaluation.ranking",
    "case_map": "publishing.case_maps",
    "cell_map": "publishing.maps",
    "cells_at": "division.lineage",
    "chain_of": "staffing.command",
    "check_cells": "division.checks",
    "check_edition": "location.editions",
    "check_posts": "staffing.post_checks",
    "compare_map": "publishing.compare_maps",
    "compare_periods": "evaluation.facets",
    "compare_posts": "staffing.history",
    "dashboard_map": "publishing.dashboards",
    "densities": "evaluation.heat",
    "density": "evaluation.heat",
    "district_of": "intake.district",
    "district_of_streets": "intake.district",
    "district_places": "intake.places",
    "divide": "division.drafting",
    "duty_text": "staffing.duty_words",
    "edit_cells": "publishing.editor",
    "escalations": "casework.escalation",
    "explain": "location.reasons",
    "explain_post": "staffing.answers",
    "explain_shortage": "staffing.answers",
    "file_cases": "casework.cases",
    "find_duplicates": "intake.duplicates",
    "findings_map": "publishing.finding_maps",
    "five_fixes": "staffing.fixes",
    "follow": "division.lineage",
    "four_bounds": "division.compass",
    "from_qgis": "plan.handwork",
    "group": "division.groups",
    "group_labels": "division.groups",
    "hand_over": "staffing.history",
    "heat_map": "publishing.heat_maps",
    "hex_cells": "division.lattice",
    "hotspot_map": "publishing.hotspot_maps",
    "hotspots": "evaluation.clusters",
    "indicators": "evaluation.rates",
    "load_barriers": "rules",
    "load_categories": "rules",
    "load_escalation": "casework.escalation",
    "load_indicators": "evaluation.definitions",
    "load_process": "casework.process",
    "load_responsibility": "rules",
    "load_roles": "rules",
    "load_scoring": "evaluation.scoring",
    "load_stage_limits": "rules",
    "locate": "location.owner",
    "locate_stream": "location.stream",
    "make_city": "demo.city",
    "mask_people": "privacy",
    "match_addresses": "location.addresses",
    "merge_cells": "division.life",
    "monthly_report": "publishing.monthly",
    "move_case": "casework.machine",
    "notice_cards": "publishing.notices",
    "number_cells": "division.codes",
    "on_duty": "staffing.duty",
    "open311_requests": "casework.open311",
    "open311_services": "casework.open311",
    "parse_limit": "casework.limits",
    "parse_limits": "casework.limits",
    "percent": "evaluation.rates",
    "posting_lists": "staffing.lists",
    "posts_at": "staffing.history",
    "print_map": "publishing.print_maps",
    "prove_posts": "staffing.proof",
    "publish_dashboard": "publishing.dashboards",
    "rank": "evaluation.ranking",
    "read_categories": "intake.categories",
    "read_cells": "intake.district",
    "read_district": "intake.district",
    "read_places": "intake.places",
    "read_reports": "intake.reports",
    "read_roster": "intake.roster",
    "rebalance": "division.rebalancing",
    "record_posts": "staffing.history",
    "redivide": "division.redivision",
    "redraw_cells": "division.life",
    "repair_cells": "division.repair",
    "responsible": "staffing.ownership",
    "roster_template": "intake.roster_sheet",
    "save_map": "publishing.offline",
    "score": "evaluation.scoring",
    "score_parts": "evaluation.scoring",
    "share_reward": "evaluation.ranking",
    "smooth_rates": "evaluation.smoothing",
    "split_blocks": "division.splitting",
    "split_cell": "division.life",
    "square_cells": "division.lattice",
    "street_blocks": "division.blocks",
    "suggest_category": "intake.categories",
    "suggest_crs": "crs",
    "suggest_datum": "intake.datums",
    "take_ledger_sheet": "casework.sheet",
    "tally": "evaluation.tallies",
    "text_similarity": "intake.duplicates",
    "then_and_now": "casework.hindsight",
    "time_facets": "evaluation.facets",
    "to_datum": "crs",
    "to_qgis": "plan.handwork",
    "warn": "evaluation.ranking",
    "workbook": "publishing.workbooks",
    "write_city": "demo.city",
    "write_csv": "sheets",
    "write_ledger_sheet": "casework.sheet",
    "write_open311": "casework.open311",
    "write_xlsx": "sheets",
}

__version__ = "0.1.0"

__all__ = sorted(_HOMES)  # noqa: PLE0605 - a list of str, made from the table above


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gridkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
