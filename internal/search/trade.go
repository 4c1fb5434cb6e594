package search

import (
	"strings"
	"unicode/utf8"

	"keiretsu/internal/kg"
)

// tradeWords are words of trade that registers translate in the names of companies and
// public bodies, where they spell the rest by sound: 华为技术 is Huawei Technologies. A
// line is one meaning: its forms in English, of which the first names it; behind the
// bars those in Chinese and Japanese, in Korean, and in Russian. A word that is used
// for several meanings stands with the one that names of companies mostly have (交通
// in 交通银行, Bank of Communications). Words of one character are not here, nor those
// that are parts of other words (バンク in ソフトバンク): too much would be cut apart.
//
// The lines above the empty one are left out in one language and written in the other,
// and weigh less.
const tradeWords = `
company, companies, corporation, corp, enterprise, enterprises | 公司, 总公司, 總公司, 企业, 企業, 会社 | 회사, 공사, 기업 | компания, корпорация, предприятие
group | 集团, 集團, グループ | 그룹 | группа, группа компаний
holding, holdings | 控股, ホールディングス, 持株 | 홀딩스, 지주 | холдинг

advertising, media | 传媒, 傳媒, 广告, 廣告, 媒体, メディア | 미디어, 광고 | реклама, медиа
agricultural, agriculture | 农业, 農業 | 농업 | сельскохозяйственный, сельскохозяйственная
airline, airlines, air, airways, aviation | 航空 | 항공 | авиалинии, авиакомпания
aluminum, aluminium | 铝业, 鋁業, アルミニウム | 알루미늄 | алюминий
asset management | 资产管理, 資產管理, アセットマネジメント | 자산운용 | управление активами
bank, banking | 银行, 銀行 | 은행 | банк
biology, biological, bio, biotech, biotechnology | 生物, 生物技术, 生物科技, バイオ | 바이오 | биотехнологии
building, construction | 建设, 建設, 建筑, 建築 | 건설 | строительная, строительство
capital | 资本, 資本, キャピタル | 캐피탈 | капитал
cement | 水泥, セメント | 시멘트 | цемент
chemical, chemicals, chemistry | 化工, 化学, 化學, ケミカル | 화학, 케미칼 | химическая, химия
china, chinese | 中国, 中國 | 중국 | китай, китая, китайский, китайская
city, municipal | 城市 | 도시 | город, городской
coal | 煤炭, 煤业 | 석탄 | уголь, угольная
commercial, commerce, trade, trading | 商业, 商業, 贸易, 貿易, 商事 | 상업, 무역 | торговый, торговая, коммерческий
communication, communications, telecommunication, telecommunications, telecom | 通信, 通讯, 通訊, 交通, 电信, 電信 | 통신, 텔레콤 | связь, связи, телеком, коммуникации
credit | 信贷, 信貸, 信用, クレジット | 신용, 크레딧 | кредит, кредитный
development | 发展, 發展, 开发, 開発, 開發 | 개발 | развитие, развития
eastern, east | 东方, 東方, 东部, 東日本 | 동부 | восточный, восточная
electric, electrical | 电气, 電気, 電氣, 電機, 电器, 電器 | 전기 | электрический, электрическая
electronic, electronics | 电子, 電子, エレクトロニクス, 電産 | 전자 | электроника, электронный, электронная
energy | 能源, エネルギー, エナジー | 에너지 | энергия, энергетика, энергетическая
engineering | 工程, エンジニアリング | 엔지니어링 | инжиниринг, инженерная
environment, environmental | 环保, 環保, 环境, 環境 | 환경 | экология
exchange | 交易所, 取引所 | 거래소 | биржа
export import, exim | 进出口, 進出口, 輸出入 | 수출입 | экспортно импортный
finance, financial | 金融, 财务, 財務, ファイナンシャル, フィナンシャル | 금융, 파이낸셜 | финансы, финансовый, финансовая
food, foods | 食品, フーズ | 식품, 푸드 | продовольствие, пищевая
fund, funds | 基金 | 펀드, 기금 | фонд
gas | 燃气, 燃氣, ガス | 가스 | газ, газовая
grid | 电网, 電網 | 전력망 | сети
health, healthcare | 健康, 医疗, 醫療, ヘルスケア | 헬스케어, 건강 | здоровье
heavy industry, heavy industries | 重工, 重工业, 重工業 | 중공업 | тяжелая промышленность
hong kong | 香港 | 홍콩 | гонконг
hotel, hotels | 酒店, ホテル | 호텔 | отель, гостиница
industrial commercial, industry commerce | 工商 | 상공 | торгово промышленный
industry, industries, industrial | 工业, 工業, 产业, 產業, 産業, 实业, 實業 | 산업, 공업 | промышленность, промышленная, промышленный
information | 信息, 資訊, 情報 | 정보 | информация, информационный, информационные
insurance, assurance | 保险, 保險, 保険 | 보험 | страхование, страховая, страховой
international | 国际, 國際, 国際, インターナショナル | 국제, 인터내셔널 | международный, международная, интернешнл
internet | 互联网, 互聯網, インターネット | 인터넷 | интернет
investment, investments | 投资, 投資 | 투자 | инвестиции, инвестиционный, инвестиционная
iron steel, steel | 钢铁, 鋼鐵, 鉄鋼, 製鉄, 特殊钢 | 철강, 제철 | сталь, металлургический
japan, nippon, nihon | 日本 | 일본 | япония, японский
korea, korean | 韩国, 韓國, 韓国 | 한국, 대한 | корея, кореи, корейский
leasing | 租赁, 租賃, リース | 리스 | лизинг
life | 人寿, 人壽, 生命 | 생명 | жизнь
logistics | 物流, ロジスティクス | 물류, 로지스틱스 | логистика
machinery, machine | 机械, 機械 | 기계 | машиностроение, машиностроительный
materials, material | 材料, マテリアル | 소재 | материалы
metal, metals | 金属, 金屬, メタル | 금속, 메탈 | металл, металлы
mining, mine | 矿业, 礦業, 鉱業 | 광업 | горная, горнодобывающая
mobile | 移动, 移動, モバイル | 모바일 | мобильный, мобильные
moscow | 莫斯科, モスクワ | 모스크바 | москва, москвы, московский, московская
motor, motors, automobile, automobiles, automotive, auto | 汽车, 汽車, 自動車, モーター | 자동차, 모터스 | автомобильный, автозавод
national, state | 国家, 國家, 国民, 国有, 國有 | 국민, 국가, 국유 | национальный, национальная, государственный, государственная, государственное
natural gas | 天然气, 天然氣, 天然ガス | 천연가스 | природный газ
network, networks | 网络, 網絡, 網路, ネットワーク | 네트워크 | сеть
oil, petroleum | 石油 | 석유 | нефть, нефтяная
osaka | 大阪 | 오사카 | осака
paper | 造纸, 纸业, 製紙 | 제지 | бумага
people, peoples | 人民 | 인민 | народный, народная
pharmaceutical, pharmaceuticals, pharma, medicine | 医药, 醫藥, 制药, 製藥, 製薬, 药业, 藥業, 薬品 | 제약, 의약 | фармацевтический, фармацевтическая, фарма
pictures, film, films | 影业, 影業, 映画 | 영화 | кино
port, ports | 港口, 港务, 港務 | 항만 | порт
postal, post, postal savings | 邮政, 郵政, 邮政储蓄, 郵便 | 우정 | почта
power, electric power, electricity | 电力, 電力, 发电 | 전력 | электроэнергетика, электроэнергия
properties, property, real estate, realty | 房地产, 房地產, 地产, 地產, 置业, 置業, 不動産, 物业 | 부동산 | недвижимость
railway, railways, rail, railroad | 铁路, 鐵路, 鉄道, 铁道 | 철도 | железные дороги, железная дорога
research institute, research | 研究院, 研究所, 総合研究所 | 연구원, 연구소 | институт
russia, russian | 俄罗斯, 俄羅斯, ロシア | 러시아 | россия, россии, российский, российская, российские, российское
savings | 储蓄, 儲蓄 | 저축 | сбережения
securities | 证券, 證券, 証券 | 증권 | ценные бумаги
semiconductor, semiconductors | 半导体, 半導體, 半導体 | 반도체 | полупроводник, полупроводники
shipbuilding | 造船 | 조선 | судостроение, судостроительная
shipping, marine | 航运, 航運, 海运, 海運 | 해운 | пароходство
software | 软件, 軟件, 軟體, ソフトウェア | 소프트웨어 | софт
solar | 太阳能, 太陽能, 光伏 | 태양광 | солнечная
system, systems | 系统, 系統, システム, システムズ | 시스템, 시스템즈 | системы, система
taiwan | 台湾, 台灣, 臺灣 | 대만 | тайвань
technology, technologies, tech, science technology | 技术, 技術, 科技, 科学技术, テクノロジー, テクノロジーズ | 기술, 테크놀로지, 테크 | технологии, технология
tobacco | 烟草, 菸草, たばこ | 담배 | табак
tokyo | 東京, 东京 | 도쿄, 동경 | токио
transport, transportation | 运输, 運輸, 運送 | 운송, 교통 | транспорт, транспортная
trust | 信托, 信託 | 신탁 | траст
unicom | 联通, 聯通 | 유니콤 | юником
united, union | 联合, 聯合, 連合 | 연합 | объединенная, объединенный, союз
university | 大学, 大學 | 대학교, 대학 | университет
venture capital, ventures | 创投, 創投, 创业投资 | 벤처투자 | венчурный
water | 水务, 水務, 水道 | 수도 | вода, водоканал
western, west | 西部, 西日本 | 서부 | западный, западная
`

// tradeWord is the meaning of a word of trade.
type tradeWord struct {
	name  string
	light bool
}

// trade holds the words of trade, folded and closed up, and how many words and
// letters one of them has at most.
var trade, mostTradeWords, mostTradeLetters = readTradeWords()

func readTradeWords() (words map[string]tradeWord, mostWords, mostLetters int) {
	words = make(map[string]tradeWord)
	light := true
	for line := range strings.Lines(strings.TrimPrefix(tradeWords, "\n")) {
		forms := strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == '|' || r == '\n' })
		light = light && len(forms) > 0
		for _, form := range forms {
			parts := kg.FoldWords(form)
			closed := strings.Join(parts, "")
			words[closed] = tradeWord{strings.TrimSpace(forms[0]), light}
			mostWords, mostLetters = max(mostWords, len(parts)), max(mostLetters, utf8.RuneCountInString(closed))
		}
	}
	return words, mostWords, mostLetters
}
