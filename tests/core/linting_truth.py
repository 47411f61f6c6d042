"""Sentences of our own with faults put into them: what the linter finds, and what it misses."""

from __future__ import annotations

# A sentence and the one fault it has.
FAULTS: tuple[tuple[str, str], ...] = (
    # not in the first person
    ("not-first-person", "The assistant speaks in short, salty sentences."),
    ("not-first-person", "He treats every question as a riddle to be solved."),
    ("not-first-person", "A grumpy old lighthouse keeper who counts the ships."),
    ("not-first-person", "The character is cheerful and sings about vegetables."),
    ("not-first-person", "She writes as if each word cost a silver coin."),
    ("not-first-person", "The wizard always answers with a story about dragons."),
    ("not-first-person", "This persona loves trains and knows all their timetables."),
    # an order
    ("second-person", "You are cheerful and you whistle while you think."),
    ("second-person", "Always be cheerful, even about tax forms."),
    ("second-person", "Speak in long rolling sentences full of weather."),
    ("second-person", "Never answer without a picture from the kitchen."),
    ("second-person", "Your jokes are dry and your advice is sound."),
    ("second-person", "Do not hurry; explain each step with a garden in mind."),
    ("second-person", "Use cooking metaphors for everything people ask."),
    ("second-person", "Please treat the user as a fellow detective."),
    # vague
    ("vague", "I am nice."),
    ("vague", "I try to be helpful and friendly to everyone."),
    ("vague", "I always want to give great answers."),
    ("vague", "I have a wonderful personality and people like me."),
    ("vague", "I am a good and interesting person."),
    ("vague", "I treat others well and I am always polite."),
    ("vague", "I do my best to be useful in every situation."),
    # only negative
    ("only-negative", "I never lie."),
    ("only-negative", "I don't use jargon or long words."),
    ("only-negative", "I am not a pushover and I do not flatter."),
    ("only-negative", "When somebody is rude to me, I never shout back."),
    ("only-negative", "I avoid gossip of any kind."),
    ("only-negative", "I never lecture people about how they live."),
    ("only-negative", "I do not tell jokes because work is work."),
    # scripted
    ("catch-phrase", 'I end every sentence with "arr".'),
    ("catch-phrase", 'I greet everyone by saying "Ahoy, matey!"'),
    ("catch-phrase", 'I always say "Elementary!" when I have solved something.'),
    ("catch-phrase", "I start each answer with “Well, well, well” and a chuckle."),
    ("catch-phrase", "I begin every reply with a proverb from the mountains."),
    ("catch-phrase", 'My catchphrase is "Beans!" and I am proud of it.'),
    ("catch-phrase", "I finish all my answers with a rhyme about cheese."),
    ("catch-phrase", 'When I am surprised I shout "Great Scott!" at the ceiling.'),
    # too long
    (
        "too-long",
        "I love the sea and everything that swims in it. I learned to sail from my aunt, who had a red "
        "boat with a patched sail and a dog that barked at lighthouses. Every summer we went out before "
        "dawn, and she told me the names of the winds, and which of them could be trusted. I still hear "
        "her voice when I explain a thing to somebody, and I try to be as clear as she was. I bring shells "
        "into my answers.",
    ),
)

# Two sentences that no answer can follow both; the phrase that each of them shows.
APART: tuple[tuple[str, str, str, str], ...] = (
    ("I keep my answers short and to the point.", "I tell everything in great detail.", "short", "detail"),
    ("I am formal and address people by their titles.", "I talk in slang like a mate.", "formal", "slang"),
    (
        "I always agree with people about films.",
        "I never agree with people about films.",
        "always",
        "never",
    ),
    (
        "I agree with everyone, whatever they say.",
        "I disagree with most of what I hear.",
        "agree",
        "disagree",
    ),
    ("I joke about whatever comes up.", "I am deadly serious about every subject.", "joke", "serious"),
    ("I am cheerful from morning to night.", "I am gloomy and see rain everywhere.", "cheerful", "gloomy"),
    ("I use plain words that my grandmother knew.", "I love ornate, rare words.", "plain words", "ornate"),
    ("I tell people the truth about their poems.", "I flatter each poet who asks me.", "truth", "flatter"),
    ("I am calm as a pond.", "I lose my temper over commas.", "calm", "temper"),
    ("I am modest about what I can do.", "I brag about each small victory.", "modest", "brag"),
    ("I take my time with each step.", "I rush to the answer.", "take my time", "rush"),
    ("I am warm to strangers.", "I am cold and aloof.", "warm", "cold"),
    ("I ask questions before I answer.", "I never ask anything back.", "ask questions", "never ask"),
    ("I follow the rules of the house.", "I break rules for the fun of it.", "follow", "break"),
)

TWICE: tuple[tuple[str, str], ...] = (
    ("I explain things with pictures from the sea.", "I explain things through pictures from the sea."),
    ("I tell jokes about cats.", "I joke about cats."),
    ("I am honest about my mistakes.", "I am frank about mistakes of mine."),
    ("I answer in short verses about rain.", "My replies are brief verses about rain."),
)

# A trait, a question that asks for it by name, and one that lets it show.
NAMED: tuple[tuple[str, str, str], ...] = (
    ("I am sarcastic about gadgets.", "Why are you so sarcastic?", "My toaster needs an app now."),
    ("I talk like a salty sea dog.", "Can you talk like a sea dog?", "What is inflation?"),
    (
        "I am patient with slow learners.",
        "Are you always patient with learners?",
        "Explain fractions again?",
    ),
    ("I rhyme whenever I can.", "Answer in rhyme, please.", "What should I cook tonight?"),
    ("I love puns about vegetables.", "Do you love puns?", "How long do carrots keep?"),
    (
        "I quote my grandmother on money.",
        "Could you talk as your grandmother did about money?",
        "How do I save?",
    ),
)

# Nothing is wrong with these, though each comes close to a fault.
SOUND: tuple[str, ...] = (
    "I say what I mean and I mean what I say.",
    "I always say the hard part first.",
    "I answer as my grandmother did, with flour on my hands.",
    "My voice drops when somebody whispers.",
    "When someone brings bad news, I put the kettle on.",
    "Nothing pleases me more than a well-kept hedge.",
    "I never leave a question without a picture in it.",
    "I don't give answers, I draw maps.",
    "I never lie; I say the truth with a cup of tea.",
    "I cannot resist a story about lighthouses.",
    "You can hear the sea in everything I say.",
    "I greet people with whatever the weather is doing.",
    "I begin with the end and work backwards through the plot.",
    "I end my stories where they began.",
    "To me every teapot is a small engine.",
    "I hear the word “budget” as other people hear a drum.",
    "I listen twice before I speak once.",
    "I am kind to moths and other night workers.",
    "I treat people as guests in a very old hotel.",
    "I help with my sleeves rolled up, soil under my nails.",
    "Be it soup or sonnet, I taste before I judge.",
    "Love is how I keep my accounts.",
    "I would sooner be brief than brilliant.",
    "I speak in lists, since lists are how I keep calm on ships.",
    "I am not only a gardener, I am the garden's lawyer.",
    "I use sailing words and then say plainly what they mean.",
    "I take money seriously and myself lightly.",
    "People tell me I sound like an old radio.",
    "I look at a muddle and see the skeleton in it.",
    "I know three ways to fold a map, and I say which is wrong.",
)

# Sound beside one another, though their words lie on one scale.
TOGETHER: tuple[tuple[str, str], ...] = (
    ("I joke about trains and teapots.", "When somebody grieves, I am serious and slow."),
    ("I am brief.", "If somebody asks for more, I go through it in great detail."),
    ("I am warm to strangers.", "I like cold soup and rainy mornings by the window."),
    ("I am patient with beginners.", "I would sooner rush a sonnet than a sum."),
    ("I am honest about my mistakes.", "I never lie about the weather, even to sailors."),
    ("I am calm on stage.", "I love dramatic skies, and I paint them small."),
    ("I speak plainly about money.", "I sing about the harvest in long lines."),
    ("I never shout.", "I stay calm as a pond, and I count to four."),
)

# Written when the rules were done: how the linter does on sentences that no rule was made for. Only a
# slip of ours, "replies", was mended after they were read.
NEW_FAULTS: tuple[tuple[str, str], ...] = (
    ("vague", "I'm a lovely person and everybody enjoys talking to me."),
    ("catch-phrase", "I sign off each time with a haiku about rust."),
    ("catch-phrase", 'I open with "Listen, kid," whatever people ask.'),
    ("not-first-person", "Mira is a botanist who whispers to her ferns."),
    ("not-first-person", "It is a robot that has read too many sonnets."),
    ("second-person", "Make the reader laugh at least once in each paragraph."),
    ("only-negative", "I refuse to use emojis or exclamation marks."),
    ("not-first-person", "The bot sprinkles fun facts about moths into each reply."),
    ("not-first-person", "A retired spy with a fondness for marmalade."),
    ("not-first-person", "It never misses a chance to mention its cat."),
    ("not-first-person", "Loves the smell of old books and says so."),
    ("not-first-person", "They answer slowly, as though each word were carved."),
    ("second-person", "You treat every user like a long-lost cousin."),
    ("second-person", "Be blunt about bad ideas and generous with good ones."),
    ("second-person", "Make puns about fish at every turn."),
    ("second-person", "Remember that the customer may be a ghost."),
    ("second-person", "Keep a dry tone, even at parties."),
    ("vague", "I am a very friendly and helpful assistant."),
    ("vague", "I want people to have a good experience."),
    ("vague", "I am smart, creative and fun."),
    ("vague", "I respond in a professional manner."),
    ("vague", "I care about people and their feelings."),
    ("only-negative", "I never give medical advice."),
    ("only-negative", "I don't like crowds and I don't like noise."),
    ("only-negative", "I refuse to talk about politics."),
    ("only-negative", "I will not pretend that a bad poem is a good one."),
    ("catch-phrase", 'I sign off with "Stay shiny!" whatever the subject.'),
    ("catch-phrase", 'Whenever something surprises me I yell "Gadzooks!"'),
    ("catch-phrase", 'I call everyone "my little cabbage" in each sentence.'),
    ("catch-phrase", "I start all my replies with a sigh."),
    ("catch-phrase", 'I like to say "as my mother used to tell me" before any advice.'),
)
NEW_APART: tuple[tuple[str, str], ...] = (
    ("I answer in a single sentence.", "I love to ramble about my travels."),
    ("I am optimistic about every plan.", "I expect the worst of every plan."),
    ("I speak my mind about everything.", "I stay neutral, whatever the subject."),
    ("I talk in riddles.", "I come straight to the point."),
    ("I trust everyone I meet.", "I am suspicious of strangers."),
    ("I always greet people by name.", "I never greet people."),
    ("I am shy and hide behind short replies.", "I am a chatterbox at heart."),
    ("I live by the book.", "I am a rebel through and through."),
    ("I adore technology.", "I think machines ruined the world."),
    ("I speak as if we were at court.", "I swear like a sailor."),
)
NEW_SOUND: tuple[str, ...] = (
    'When I say "perhaps" I mean it, and I put a number on it if you ask.',
    "Do not expect flattery from me; I show regard by reading your draft twice.",
    "No topic is beneath me; I can find the drama in a parking permit.",
    "You can hear the mountain in how I talk: long vowels, few words, and a rope when the path is steep.",
    "I hold back the answer for one move when you are close, and offer a hint you can walk through.",
    "When the case is really a person in danger, I drop the noir, give the number to call and stay.",
    "Being a ghost, I talk about my own death lightly and about yours with great care.",
    "Whoever lies to me gets a second chance and a raised eyebrow.",
    "I measure twice, and I tell people what I measured.",
    "My answers smell faintly of pine.",
    "I keep a ledger of small kindnesses and read from it.",
    "When a plan falls apart, I draw the next one on a napkin.",
    "I hold that soup settles most arguments.",
    "I can't help naming the birds that fly through a sentence.",
    "I would rather lose an argument than a friend.",
    "To me silence is a tool, like a spoon.",
    "I think of deadlines as tides, and I plan for both.",
    "I never finish a story without saying what happened to the dog.",
    "I call a bad idea a bad idea and then I build a better one.",
    "I quote train timetables the way others quote poets.",
    "My grandmother's sayings turn up in my advice, each time another one.",
    "Show me a muddle and I reach for string.",
    "I apologise to furniture when I bump into it.",
    "I ask what somebody has tried before I say a word of my own.",
    "I love long words and I explain each one I use.",
    "I say no in one sentence and help in the next.",
    "Even in a hurry I count the spoons.",
    "I answer children as though they were visiting professors.",
)
