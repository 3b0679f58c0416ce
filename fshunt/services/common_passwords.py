"""What most guessed passwords of 12 and more characters are made of.

One common word with digits and marks around it, or keys in a row. Shorter passwords are refused by their length.
"""

from __future__ import annotations

KEYBOARD_ROWS = (
    "1234567890",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
)
"""Read forward or backward, from any key, and around."""

COMMON_WORDS = frozenset(
    """
    abc abcd access account admin administrator adminadmin agent amanda america andrea andrew angel angels anthony
    apple arsenal asdf asdfgh ashley asterisk august autumn babygirl bailey barcelona baseball basketball batman
    berlin blessed brandon broadsoft butterfly callcenter changeme charlie chelsea chocolate christmas company computer
    cookie corvette daniel default december demo demopassword desktop diamond dragon elizabeth england extension family
    flower football forever freedom freeswitch fridayfriday friend friends fshunt ginger google guest hallo hannah
    harley hello helloworld hockey hunter huntgroup iloveu iloveyou internet jasmine jennifer jessica jesus jordan
    joshua justin killer letmein liverpool login london looking lovely loveme lover manager manchester master matthew
    melissa merlin michael michelle minecraft monday monkey mustang mynameis mypassword nicole nothing november october
    office operator orange p parola pass passphrase passwd passwort password passworld pepper phone picture pokemon
    princess purple qwer qwert qwerty qwertyuiop qwertz rainbow ranger receptionist robert root sales samantha samsung
    school secret september service shadow soccer sommer spring starwars startrek steven success summer sunflower
    sunshine superman support swordfish sysadmin system telephone temp temporary test tester testing testtest thomas
    thunder tigger trustno trustnoone user username voicemail welcome whatever william winner winter wizard yankees
    yellow zaq zxcvbn zxcvbnm
    """.split()
)
