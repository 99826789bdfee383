"""The schema of every table: which columns, of what type, unit and meaning, and which are required.

Tables are plain ``DataFrame`` or ``GeoDataFrame``. A :class:`Table` describes one;
``TABLE.check(frame)`` raises one :class:`~gridkit.errors.SchemaError` with every problem found.
Only required columns must be there; the others are used when they are. Keys are string columns,
never the index.
"""

from __future__ import annotations

from .schema import Column, Table, first_few, is_true

__all__ = [
    "ABSENCES",
    "BLOCKS",
    "CASES",
    "CELLS",
    "CHANGES",
    "COMMUNITIES",
    "FINDINGS",
    "LINEAGE",
    "LOCATED",
    "MOVES",
    "PLACES",
    "POSTS",
    "QUARANTINED",
    "REPORTS",
    "ROSTER",
    "SCORES",
    "TABLES",
    "UNITS",
    "Column",
    "Table",
    "first_few",
    "is_true",
]


def _text(name: str, zh: str, meaning: str = "", *, required: bool = False) -> Column:
    return Column(name, "text", zh, meaning, required)


_CELL_CODE = _text("cell_code", "网格编码", "code of the cell")
_DUTY_CODE = _text("duty_code", "责任网格编码", "code of the duty cell")
_COMMUNITY_CODE = _text("community_code", "社区编码", "12 digits by default")
_STREET_CODE = _text("street_code", "街道编码", "9 digits by default")
_UNIT = _text("responsible_unit", "责任单位", "organisation that answers for it")
_GEOMETRY = Column("geometry", "geometry", "几何", "", required=True)
_VALID = (
    Column("valid_from", "date", "初始时间", "first day of validity"),
    Column("valid_to", "date", "终止时间", "day after the last; empty while valid"),
)

COMMUNITIES = Table(
    "communities",
    "社区",
    ("community_code",),
    (
        _text("community_code", "社区编码", required=True),
        _GEOMETRY,
        _text("name", "社区名称"),
        _STREET_CODE,
        _text("street_name", "街道名称"),
    ),
)

BLOCKS = Table(
    "blocks",
    "街区",
    ("block_id",),
    (
        _text("block_id", "街区号", required=True),
        _GEOMETRY,
        _COMMUNITY_CODE,
        _STREET_CODE,
        _text("kind", "用地", "land, or what the layer water says"),
        Column("area_m2", "number", "面积（平方米）", "ellipsoidal area, m²"),
        Column("load", "number", "工作量", "households by default"),
    ),
)

CELLS = Table(
    "cells",
    "网格",
    ("cell_code",),
    (
        _text("cell_code", "网格编码", required=True),
        _GEOMETRY,
        _text("name", "网格名称"),
        _text("level", "层级", "cell, duty_cell, community, street …"),
        _text("parent_code", "上级编码", "code on the level above"),
        _DUTY_CODE,
        _COMMUNITY_CODE,
        _STREET_CODE,
        Column("area_m2", "number", "面积（平方米）", "ellipsoidal area, m²"),
        Column("load", "number", "工作量", "households by default"),
        _UNIT,
        *_VALID,
    ),
)

LINEAGE = Table(
    "lineage",
    "网格沿革",
    ("code_from", "code_to"),
    (
        _text("code_from", "原编码", "cell that ended", required=True),
        _text("code_to", "新编码", "cell that took over", required=True),
        Column("at", "date", "变更日期", "first day of the new cell", required=True),
        _text("reason", "变更原因"),
        _text("kind", "变更方式", "split, merge, redraw, redivide"),
        Column("area_share", "number", "面积占比", "of the old cell's area, 0–1", required=True),
        Column("load_share", "number", "工作量占比", "of the old cell's load, 0–1", required=True),
    ),
)

PLACES = Table(
    "places",
    "地名地址",
    (),
    (
        _text("name", "名称", "as it is written in addresses", required=True),
        _text(
            "kind", "类型", "district, office, community, street, area, plate or poi", required=True
        ),
        _GEOMETRY,
        _text("street", "街路巷", "of a plate: the name of its street or compound"),
        _text("number", "门楼牌号", "of a plate"),
        _text("aliases", "别名", "other and former names, several joined by ;"),
        _COMMUNITY_CODE,
        Column("left_from", "number", "左侧起号", "of a stretch of street: first number, left"),
        Column("left_to", "number", "左侧止号"),
        Column("right_from", "number", "右侧起号"),
        Column("right_to", "number", "右侧止号"),
    ),
)

UNITS = Table(
    "units",
    "责任单位名录",
    ("unit_code",),
    (
        _text("unit_code", "单位编码", required=True),
        _text("name", "单位名称"),
        _text("kind", "单位类型"),
        _text("group", "考核分组", "units that are ranked together"),
        _text("chief_id", "负责人", "person in the roster"),
        _text("parent_code", "上级单位"),
    ),
)

ROSTER = Table(
    "roster",
    "人员名册",
    ("person_id",),
    (
        _text("person_id", "人员编号", required=True),
        _text("role", "角色", "code of a role in rules", required=True),
        _text("name", "姓名"),
        _UNIT,
        _text("phone", "联系电话"),
        Column("max_areas", "integer", "最多负责网格数", "how many areas one person may hold"),
        _COMMUNITY_CODE,
        _STREET_CODE,
        _text("slots", "时段", "days and hours as `gridkit.slots` reads them; empty: always"),
        _text("leave", "请假", "first/last day, several joined by ;"),
        _text("qualifications", "资格", "several joined by ;"),
        _text("backup_id", "AB岗", "person who stands in"),
        _text("supervisor_id", "上级人员", "person above in the chain"),
        *_VALID,
    ),
)

POSTS = Table(
    "posts",
    "岗位",
    ("level", "area_code", "role", "slot", "valid_from"),
    (
        _text("level", "层级", "level of the area", required=True),
        _text("area_code", "区域编码", required=True),
        _text("role", "角色", required=True),
        _text("slot", "时段"),
        _text("person_id", "人员编号", "empty: nobody could be found"),
        _text("backup_id", "AB岗"),
        _text("duty", "职责"),
        _text("standard", "标准"),
        _text("incentive", "奖惩"),
        Column("distance_m", "number", "距离（米）", "base to the area's inner point, m"),
        *_VALID,
    ),
)

CHANGES = Table(
    "changes",
    "岗位变更",
    ("level", "area_code", "role", "slot"),
    (
        _text("level", "层级", required=True),
        _text("area_code", "区域编码", required=True),
        _text("role", "角色", required=True),
        _text("slot", "时段"),
        _text("from_id", "原人员编号", "empty: the post was empty or is new"),
        _text("to_id", "新人员编号", "empty: the post is empty now or is gone"),
        _text("kind", "变更类型", "created, abolished, filled, left, moved, freed", required=True),
        _text("why", "原因"),
        Column("distance_before_m", "number", "原距离（米）"),
        Column("distance_after_m", "number", "新距离（米）"),
    ),
)

ABSENCES = Table(
    "absences",
    "缺勤",
    (),
    (
        _text("person_id", "人员编号", required=True),
        Column("from_at", "time", "开始时间", "with time zone", required=True),
        Column("to_at", "time", "结束时间", "first minute back; empty: no end yet"),
        _text("substitute_id", "替岗人员", "who stands in; else the A/B partner"),
        _text("reason", "事由"),
    ),
)

REPORTS = Table(
    "reports",
    "上报",
    ("report_id",),
    (
        _text("report_id", "上报编号", required=True),
        _GEOMETRY,
        _text("feed", "来源文件", "where the import came from"),
        Column("reported_at", "time", "上报时间", "with time zone"),
        _text("category", "问题类别", "code of a category in rules"),
        _text("text", "问题描述", "as written by the reporter; hostile until escaped"),
        _text("source", "上报渠道", "how the problem was reported"),
        _text("address", "地址"),
        Column("accuracy_m", "number", "精度（米）"),
        _text("received_by", "首接单位", "unit that first received it"),
        _UNIT,
        Column("accepted_at", "time", "受理时间"),
        Column("filed_at", "time", "立案时间"),
        Column("dispatched_at", "time", "派遣时间"),
        Column("disposed_at", "time", "处置时间"),
        Column("closed_at", "time", "结案时间"),
        _text("status", "状态", "as written in the file"),
        Column("rework_n", "integer", "返工次数"),
        Column("voided", "flag", "作废", "the status says so"),
        _text("handler_id", "处置人"),
        _text("condition", "立案条件"),
        _text("limit", "处置时限", "as written"),
        Column("dispose_due_at", "time", "处置期限", "where the file has one"),
        _text("measure", "整改措施"),
        _text("result", "整改结果"),
        _text("campaign", "专项行动", "campaign that the report belongs to"),
    ),
)

QUARANTINED = Table(
    "quarantined",
    "隔离行",
    (),
    (
        Column("row", "integer", "行号", "row of the file, 1 = first row of data", required=True),
        Column("line", "integer", "文件行号", "line of a text or sheet on which the row begins"),
        _text("rule", "规则", "which check it failed", required=True),
        _text("column", "列"),
        _text("value", "原值", "as it stands in the file"),
        _text("remedy", "处理办法", "what to do, in words"),
    ),
)

LOCATED = Table(
    "located",
    "落格",
    ("report_id",),
    (
        *REPORTS.columns,
        _CELL_CODE,
        _DUTY_CODE,
        _text("located_by", "落格方式", "inside, border, near, address, outside, unlocated"),
        Column("border_m", "number", "距边界（米）", "to the nearest border; empty beyond 25 m"),
        _text("alt_cell_code", "备选网格", "runner-up where the border is within ambiguous_m"),
        Column("distance_m", "number", "距网格（米）", "0 inside; to the nearest cell when near"),
        Column("ambiguous", "flag", "是否两可", "within ambiguous_m of another cell"),
        _text("address_rung", "地址层级", "what the address was found by: plate, crossing …"),
        _text("address_match", "匹配地名", "what the gazetteer calls it"),
        _text("address_refused", "地址未采用原因", "why the address gives no place"),
        _COMMUNITY_CODE,
    ),
)

CASES = Table(
    "cases",
    "案卷",
    ("case_id",),
    (
        _text("case_id", "案卷编号", required=True),
        _text("report_id", "上报编号"),
        _text("feed", "来源文件"),
        Column("geometry", "geometry", "几何"),
        _CELL_CODE,
        _DUTY_CODE,
        _COMMUNITY_CODE,
        _STREET_CODE,
        _text("kind", "部件/事件", "component or event"),
        _text("category", "问题类别"),
        _text("source", "上报渠道"),
        _text("stage", "阶段", "reported … closed", required=True),
        _text("first_receiver", "首接单位", "set once, never changed"),
        _UNIT,
        _text("handler_id", "处置人"),
        Column("reported_at", "time", "上报时间"),
        Column("accepted_at", "time", "受理时间"),
        Column("filed_at", "time", "立案时间"),
        Column("dispatched_at", "time", "派遣时间"),
        Column("dispose_due_at", "time", "处置期限", "filing time plus the category's limit"),
        Column("disposed_at", "time", "处置时间"),
        Column("close_due_at", "time", "结案期限"),
        Column("closed_at", "time", "结案时间"),
        Column("rework_n", "integer", "返工次数"),
        Column("delay_n", "integer", "延期次数"),
        Column("suspended", "flag", "挂账"),
        Column("voided", "flag", "作废"),
        Column("exempt", "flag", "免考核"),
        Column("version", "integer", "版本"),
        _text("text", "问题描述"),
        _text("address", "地址"),
        _text("condition", "立案条件"),
        _text("limit", "处置时限", "as written"),
        _text("due_note", "期限说明", "no_limit, unreadable_limit, unknown_year, estimated"),
        Column("stage_due_at", "time", "阶段期限", "where the stage has a limit of its own"),
        Column("suspended_at", "time", "挂账时间"),
        Column("suspended_until", "time", "挂账截止"),
        Column("suspend_n", "integer", "挂账次数"),
        Column("appeal_n", "integer", "申诉次数"),
        _text("appeal", "申诉", "lodged, reviewed, granted or refused"),
        Column("return_n", "integer", "回退次数"),
        Column("missed", "flag", "漏报", "found by the public, not by the patrol"),
        Column("self_handled", "flag", "自行处置", "put right on the spot by the patrol"),
        Column("public", "flag", "监督举报", "reported by the public, and verified"),
        Column("forced", "flag", "强制结案"),
        _text("escalation", "升级步骤"),
        _text("duplicate_of", "并入案卷"),
        _text("measure", "整改措施", "what is to be done about it"),
        _text("result", "整改结果", "what was done"),
        _text("campaign", "专项行动", "campaign that the case belongs to"),
        Column("moved_at", "time", "最近操作时间"),
    ),
)

MOVES = Table(
    "moves",
    "案卷操作",
    ("case_id", "version"),
    (
        Column("seq", "integer", "序号", "place in the ledger", required=True),
        _text("case_id", "案卷编号", required=True),
        Column("version", "integer", "版本", "1 for the first move of a case", required=True),
        Column("at", "time", "时间", "when it was done", required=True),
        _text("action", "操作", required=True),
        _text("stage_from", "原阶段"),
        _text("stage_to", "新阶段", required=True),
        _text("actor", "操作人", required=True),
        _text("reason", "理由"),
        _text("changes", "变更", "JSON: column and new value", required=True),
        Column("recorded_at", "time", "登记时间", "when the ledger took it down", required=True),
        _text("digest", "校验码", "over the digest before and this move", required=True),
    ),
)

SCORES = Table(
    "scores",
    "指标",
    ("subject_kind", "subject", "period", "indicator"),
    (
        _text("subject_kind", "对象类型", "column the cases were grouped by", required=True),
        _text("subject", "对象", required=True),
        _text("period", "统计期", required=True),
        _text("indicator", "指标", required=True),
        Column("numerator", "integer", "分子"),
        Column("denominator", "integer", "分母", "empty for counts"),
        Column("value", "number", "值", "count, or share 0–1; empty: no data"),
        Column("rank", "integer", "名次"),
        _text("grade", "等级"),
    ),
)

FINDINGS = Table(
    "findings",
    "检查结果",
    (),
    (
        _text("rule", "规则", required=True),
        _text("severity", "严重程度", "error, warning, info, ok, not_checked", required=True),
        _text("principle", "原则", "what the rule serves"),
        _text("codes", "涉及编码", "the areas or rows concerned"),
        Column("rows", "integer", "数量", "how many rows the finding concerns"),
        _text("detail", "情况", "what was found, with its figures"),
        _text("remedy", "处理办法"),
        Column("geometry", "geometry", "几何"),
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        COMMUNITIES,
        BLOCKS,
        CELLS,
        LINEAGE,
        PLACES,
        UNITS,
        ROSTER,
        POSTS,
        CHANGES,
        ABSENCES,
        REPORTS,
        QUARANTINED,
        LOCATED,
        CASES,
        MOVES,
        SCORES,
        FINDINGS,
    )
}
