"""Word lists of the made city: names of streets, lanes, compounds, communities and people.

All common nouns and wishes; no real person, and no place that means one city only. People's names
are surname and given name drawn by lot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

__all__ = ["lot", "names_of"]


def _words(text: str) -> list[str]:
    return text.split()


ROAD_WORDS = _words(
    "新华 和平 光明 东风 建国 民主 团结 友谊 兴业 富民 振华 长江 黄河 泰山 昆仑 "
    "金沟 银海 海滨 灯塔 锚泊 扬帆 远航 平安 永安 吉祥 安康 康乐 万寿 学府 书院 "
    "科苑 工人 纺织 机床 造船 仓储 站前 花园 果园 桃园 梨园 松林 柳林 槐荫 桐林 "
    "枫林 竹林 芝兰 沂蒙 崂山 峨眉 天山 嵩山 恒山 华山 衡山 庐山 洞庭 太湖 漓江 "
    "珠江 闽江 松花 辽河 淮河 海河 渭河 汾河 沁河 烟霞 云霞 晨光 朝霞 晚霞 春晖 "
    "秋实 夏荷 冬青 白云 蓝天 碧波 银杏 梧桐 香樟 丁香 玉兰 月季 石榴 葡萄 苹果 "
    "樱桃 山楂 核桃 板栗 麦香 稻香 渔歌 渔火 观潮 听海 望岛 环翠 叠翠 滴翠 奋进 "
    "创业 创新 开拓 进取 自强 诚信 友爱 敬业 勤劳 勇敢 智慧 科学 技术 电力 供销 "
    "粮食 轻工 机电 仪表 轴承 锁厂 钟表 酿造 罐头 冷库 船坞 码头 航运 海员 引航 "
    "气象 水文 地质 勘探 测绘 兴海 富海 润海 临海 靖海 镇海 宁海 定海 福海 寿海 "
    "通达 顺达 宏达 兴达 鲁东 胶东 半岛 海峡 湾头 沙滩 礁石 贝壳 珊瑚 珍珠 海鸥 "
    "海燕 信鸽 白鹭 "
)
MAIN_WORDS = _words(
    "解放 建设 人民 胜利 文化 青年 幸福 红旗 工业 迎宾 中心 环城 港城 凤凰 龙泉 玉泉 金山 银山 "
    "石门 沙河 双桥 长青 卫国 爱民 振兴 腾飞 前进 跃进 朝阳 曙光 东升 西苑 祥云 北斗 明珠 彩虹 "
)
AVENUE_FIRST = tuple("福泰盛昌隆祥瑞锦宏永兴嘉德义礼仁清明华景云鸿凌启毓")
AVENUE_SECOND = tuple("宁和安康源丰达庆荣春阳辉州桥门溪河台岭泉林园苑湖庭")
# From west to east, the inland ones first.
OFFICE_WORDS = _words("西苑 龙泉 南山 凤凰 长青 东升 望海 会展 清泉 文化 滨港 港城")
LANE_WORDS = _words(
    "东风 福禄 仁和 义和 同善 广仁 慈善 永福 长寿 太平 安乐 三元 四马 五福 六合 "
    "七星 八角 九如 十方 聚宝 招财 进德 修身 齐家 德胜 得利 鸿兴 恒兴 双兴 大兴 "
    "复兴 中兴 新兴 东兴 西兴 南兴 北兴 顺和 顺泰 顺昌 丹桂 翠竹 青松 古槐 老榆 "
    "双槐 石榴 葡萄 海棠 杏花 桃花 梅花 荷花 菊花 兰花 茉莉 水井 甜井 双井 石桥 "
    "板桥 鱼市 盐市 米市 菜市 布市 花市 铁匠 木匠 豆腐 油坊 酒坊 磨坊 染坊 当铺 "
    "钱庄 药铺 书铺 笔墨 砚池 钟楼 鼓楼 城隍 关帝 文昌 魁星 奎光 天后 龙王 火神 "
    "学宫 贡院 会馆 戏台 牌坊 影壁 照壁 校场 箭道 营房 "
)
COMPOUND_WORDS = _words(
    "海棠 海韵 海悦 海景 观海 听涛 望海 碧海 蓝湾 金海 银滩 金沙 锦绣 锦华 翠湖 "
    "翠苑 丽景 丽都 丽水 紫荆 紫薇 玫瑰 丁香 百合 牡丹 芙蓉 银杏 梧桐 香樟 桂花 "
    "清泉 清华 清风 阳光 晨曦 朝阳 春天 四季 幸福 祥和 祥云 祥瑞 安泰 安居 康居 "
    "宜居 乐居 富贵 荣华 盛世 世纪 时代 新世纪 城市 都市 中央 左岸 右岸 东方 南苑 "
)
COMPOUND_KINDS = _words("花园 小区 家园 新村 名苑 花苑 华庭 雅居 公寓 新城 ")
COMMUNITY_WORDS = _words(
    "向阳 东风 新华 光明 福禄里 仁和里 和平 幸福 建国 团结 友谊 胜利 青年 站前 望海 "
    "海滨 渔港 灯塔 清泉 滨河 学府 书院 文化宫 迎宾 会展 港湾 扬帆 机床厂 纺织 槐荫 "
    "松林 柳林 桃园 梨园 南山 北马路 大马路 朝阳 永安 康乐 春晖 秋实 锦绣 阳光 "
)
VILLAGE_KINDS = tuple("村庄疃夼")
SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕")
_NUMERALS = tuple("二三四五六七八九") + tuple("十" + n for n in "一二三四五六七八九")
GIVEN = tuple("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰春梅海波建国红燕志鹏飞鑫雪婷慧宁")


def lot(rng: np.random.Generator, n: int) -> int:
    """Draw a whole number from 0 up to but not including `n`."""
    return int(rng.random() * n)


def names_of(
    rng: np.random.Generator,
    words: list[str],
    kinds: list[str],
    again: str = "{word}{kind}{n}",
) -> Iterator[str]:
    """Yield names made of a word and a kind, each once, in a drawn order.

    When they are used up they come again with 二, 三, … where the pattern `again` says.
    """
    pairs = [(word, kind) for kind in kinds for word in words]
    first = [pairs[i] for i in rng.permutation(len(words))]
    rest = [pairs[len(words) + i] for i in rng.permutation(len(pairs) - len(words))]
    yield from (word + kind for word, kind in first + rest)
    for n in _NUMERALS:
        yield from (again.format(word=word, kind=kind, n=n) for word, kind in pairs)
