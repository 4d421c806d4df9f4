// The words that sentences of a language cannot do without: articles, pronouns, prepositions, conjunctions, forms of "to be". Short
// texts are told by them where trigrams mislead. Words that several languages share are left in: the share of all words decides.
// Languages that have a script of their own need none.

const lists: Readonly<Record<string, string>> = {
  af: "die en van is in het nie te sy om hy wat vir dat aan met word was ek jy ons hulle maar kan sal deur ook by uit",
  ca: "el la els les de i que en un una per amb és no del al se ha són com més però aquest aquesta també si va hi",
  cs: "a je se na v že to s z do o i jako ale jsem by jsou pro byl k za tak po si jeho co které který ve",
  da: "og i at det er en til på som af den for ikke der med har de han et var jeg vi fra men om kan så blev også",
  de: "der die das und ist in zu den nicht ein eine von mit sich des auf für dem es ich sie im auch als wie an aus er hat dass war wir sind bei",
  en:
    "the of and to a in is that it was for on are as with his they at be this have from or had by but not what all were we when your can " +
    "said there an which she do how their if will he has you i each more than so her him its our many much would get got make made take every some any where who why after before over only new day time people year",
  es: "el la los las de que y a en un una es por con no se su para al lo como más del pero sus le ha me este esta son fue muy ya",
  fi: "ja on ei että se hän oli ovat mutta kun myös niin kuin joka tai mitä sen hänen olla jos minä sekä ole jo",
  fr: "le la les de et un une est en que des du dans qui pour pas sur au ce il elle ne se plus par avec sont je nous vous mais ou cette été leur à",
  hr: "i je u na se da su za od s a koji što ne kao ili ali iz to biti bio bila nije sam smo će o do ova",
  hu: "a az és hogy nem is egy van meg ez de volt csak már mint ha el még vagy ki ezt azt lehet akkor amely",
  id: "yang dan di itu dengan untuk tidak ini dari dalam akan pada saya ke adalah ada mereka juga bisa kami oleh karena atau anda seperti",
  it: "il la di che e un una è per non in del con le si i gli da della al sono come più ma lo nel questo questa anche ha dei alla",
  lt: "ir yra kad į iš su tai ne jis bet kaip apie buvo ar po už ji mes jie nuo šis ši labai tik",
  lv: "un ir ka no ar uz par bet kas tas to nav viņš kā arī pie ja vai mēs bija tā es šis tiek",
  nl: "de het een van en in is dat op te zijn niet met voor die aan er om ook als dan maar bij uit hij zij ik we wordt heeft naar deze",
  no: "og i det er en på til som av for at ikke med har de den et var jeg vi fra men om kan så ble også etter eller hun han",
  pl: "i w nie na się z do to że jest jak o po co ale od za przez jego tym są być był dla czy może tak ich już",
  pt: "o a os as de que e do da em um uma para é com não por mais no na se dos como mas foi ao ele das tem seu sua ou são você",
  ro: "și în de la a nu cu pe este o un din care că pentru mai sunt ce se dar fi ca au o le fost acest ei lui",
  sk: "a je sa na v že to s z do o aj ako ale som by sú pre bol k za tak po si jeho čo ktoré ktorý vo",
  sl: "in je v na se da so za z s ki pa ne kot ali tudi bi to iz po bil sem smo kako ga še",
  so: "waa iyo in ka ku oo ay uu la si ah waxaa aan soo ee laakiin wuxuu u loo waxay",
  sq: "dhe në të e i një për me që nga është se nuk ka si do janë por më ky kjo në ishte ai ajo kanë",
  sv: "och i att det är en på som av för den med inte har de till ett var jag vi från men om kan så också eller han hon",
  sw: "na ya wa kwa ni katika la za cha kuwa hii huo kama lakini si yake hiyo au pia watu sana yangu ambayo",
  tl: "ang ng sa na at mga ay si ko ito hindi para kung may siya ako niya nang sila kanyang pa rin lang mo",
  tr: "bir ve bu de ben ne mi da için ne o ile çok gibi daha var ama mi olarak kadar ben sen değil olan en her sonra",
  vi: "và là của có không được cho một trong những với người các này để đã khi tôi đến như về cũng rất nhiều",
  bg: "и на да се за от е в не са че си по с това който ще като но съм какво ли ги му той тя те аз ние сега",
  mk: "и на да се за од е во не дека си по со тоа кој ќе како но сум што ли ги му тој таа тие јас ние сега",
  ru: "и в не на я что он с как это по но они к у ты из мы за вы так же от то все она для был было есть или",
  uk: "і в не на я що він з як це до та але вони у ти ми за ви так від то всі вона для був було є або й",
  hi: "है और के का की में से को यह नहीं हैं कि पर था मैं हम वह ने भी एक",
  mr: "आहे आणि ते या हे नाही की मध्ये होते त्या मी आम्ही तो चे ला पण एक आहेत",
  ne: "छ र को मा हो यो छन् ले पनि गर्न थियो म हामी त्यो लाई एक छैन",
  ar: "في من على أن إلى هذا هذه التي الذي لا ما كان مع عن أو هو هي ثم قد لم",
  fa: "و در به از که این را با است برای آن هم می ما من تا بود یک اما شد",
  ur: "ہے اور کے کی میں سے کو یہ نہیں ہیں کہ پر تھا کا ہم وہ نے بھی ایک لیکن",
};

/** Function words by ISO 639-1 code. */
export const functionWords: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries(lists).map(([code, words]) => [code, new Set(words.split(" "))]),
);
