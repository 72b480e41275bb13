# SPDX-License-Identifier: MIT
"""Reading the public headers: what is declared, and the comment above it.

A header is a title, an introduction and items in their order: sections, text,
functions, and other code (types, constants, macros). A comment is a list of
blocks, tuples whose first member is their kind:

    ('text', 'a paragraph')
    ('code', 'lines as they are')
    ('parameters', [('name', 'what it is'), ...])
    ('field', 'Errors', 'what follows it')
"""
import re

FIELDS = ('Returns', 'Suspends', 'Cancel', 'Errors', 'Owns', 'Thread', 'Like',
          'Source')
FIELD = re.compile(rf'({"|".join(FIELDS)}):\s+(.*)')
PARAMETER = re.compile(r' {2}(\S(?:.*?\S)?) {2,}(\S.*)')
CONTINUED = re.compile(r' {4,}(\S.*)')
SECTION = re.compile(r'/\* ── (.*?) ─+ \*/')
ATTRIBUTE = re.compile(
    r'\b(BIDE_(API|NODISCARD|SUSPENDS)|BIDE_PRINTF\([^)]*\))\s*')
FORWARD = re.compile(r'(struct|union) \w+;')


class Item:
    """What stands in a header: `kind` is section, text, function or code."""

    def __init__(self, kind, blocks=(), code='', name='', summary=''):
        self.kind = kind
        self.blocks = list(blocks)
        self.code = code
        self.name = name
        self.summary = summary

    def field(self, name):
        return next((block[2] for block in self.blocks
                     if block[:2] == ('field', name)), None)


class Header:
    def __init__(self, path, name):
        self.name = name  # "bide/queue.h"
        self.page = 'bide-' + re.sub(r'\W', '-', name.split('/')[-1][:-2])
        text = path.read_text(encoding='utf-8')
        comments = re.finditer(r'/\*.*?\*/', text, re.S)
        top = next((found for found in comments if f'<{name}>' in found[0]),
                   None)
        blocks = parse_comment(top[0]) if top else [('text', '')]
        self.title = split_title(blocks[0][1])[1]
        self.intro = blocks[1:]
        self.items = list(parse_items(text[top.end() if top else 0:]))

    def functions(self):
        return [item for item in self.items if item.kind == 'function']


def split_title(text):
    """The parts of "name — what it is", or (None, text)."""
    name, dash, what = text.partition(' — ')
    return (name, what.rstrip('.')) if dash else (None, text)


# ── Comments ───────────────────────────────────────────────────────────────


def comment_lines(comment):
    lines = comment[2:-2].split('\n')
    return [lines[0].strip()] + [re.sub(r'^ \* ?', '', line).rstrip()
                                 for line in lines[1:]]


def take_continued(lines, text):
    """The text with the lines that continue it, off the front. In a list of
    errors, each code begins a line of its own."""
    while lines and (found := CONTINUED.match(lines[0])):
        lines.pop(0)
        listed = (re.match(r'-E[A-Z]|BIDE_E_', found[1])
                  and not text.endswith((',', ';', ' or', ' and', ' for')))
        text += ('\n' if listed else ' ') + found[1]
    return re.sub(r'(?m)^((?:-E|BIDE_E_)\w+)  +', r'\1: ', text)


def take_code(lines):
    taken = []
    while lines and (lines[0].startswith('    ') or not lines[0]):
        taken.append(lines.pop(0)[4:])
    return '\n'.join(taken).strip('\n')


def take_text(lines):
    taken = []
    while (lines and lines[0] and not FIELD.match(lines[0])
           and not PARAMETER.match(lines[0])):
        taken.append(lines.pop(0).strip())
    return ' '.join(taken)


def parse_comment(comment):
    lines = comment_lines(comment)
    blocks = []
    while lines:
        if not lines[0]:
            lines.pop(0)
        elif found := FIELD.match(lines[0]):
            lines.pop(0)
            blocks.append(('field', found[1],
                           take_continued(lines, found[2])))
        elif lines[0].startswith('    '):
            blocks.append(('code', take_code(lines)))
        elif found := PARAMETER.match(lines[0]):
            lines.pop(0)
            if not blocks or blocks[-1][0] != 'parameters':
                blocks.append(('parameters', []))
            blocks[-1][1].append(
                (found[1], take_continued(lines, found[2])))
        else:
            blocks.append(('text', take_text(lines)))
    return blocks


# ── Declarations ───────────────────────────────────────────────────────────


def declaration_at(text, start):
    """Where the declaration that begins at `start` ends: after its semicolon,
    or after the body of an inline function."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in '({':
            depth += 1
        elif text[at] in ')}':
            depth -= 1
            if (depth == 0 and text[at] == '}'
                    and text.startswith('static inline', start)):
                return at + 1
        elif text[at] == ';' and depth == 0:
            return at + 1
    raise SystemExit(f'a declaration has no end: {text[start:start + 60]!r}')


def prototype(code):
    """A function's declaration without attributes and body, wrapped."""
    code = ATTRIBUTE.sub('', code.split('{')[0])
    code = re.sub(r'\s+', ' ', code).replace('( ', '(').strip(' ;') + ';'
    if len(code) <= 76:
        return code
    first, *rest = re.split(r'(?<=,) (?![^()]*\)[^;])', code)
    lines = [first]
    for part in rest:
        if len(lines[-1]) + 1 + len(part) > 76:
            lines.append('    ' + part)
        else:
            lines[-1] += ' ' + part
    return '\n'.join(lines)


def macro_item(code, blocks):
    found = re.match(r'#define (BIDE_[A-Z]\w*(?:\([^)]*\))?)(.*)', code, re.S)
    if not found or not blocks:
        return None
    is_table = found[1].endswith('(X)')
    if '(' in found[1] and not is_table:
        code = f'#define {found[1]}'  # how it works is nobody's business
    return Item('code', blocks, re.sub(r' *\\$', '' if is_table else ' \\\\',
                                       code, flags=re.M))


def declared_item(code, blocks):
    if code.startswith('BIDE_API') and blocks:
        name, summary = split_title(blocks[0][1])
        return Item('function', blocks[1:], prototype(code), name, summary)
    if code.startswith('static inline'):
        hidden = re.match(r'static inline [^(]*\bbide__', code)
        return None if hidden else Item('code', blocks, prototype(code))
    if (FORWARD.fullmatch(code) or '#define BIDE__' in code
            or re.match(r'(struct|enum) bide__', code)):
        return None
    return Item('code', blocks, code)


def parse_items(text):
    """The items of a header, from behind its first comment."""
    blocks = []
    at = 0
    while at < len(text):
        rest = text[at:]
        if found := re.match(r'\s+|BIDE_(BEGIN|END)\b', rest):
            at += found.end()
        elif found := re.match(r'/\*.*?\*/', rest, re.S):
            if blocks:
                yield Item('text', blocks)
            section = SECTION.fullmatch(found[0])
            blocks = [] if section else parse_comment(found[0])
            if section:
                yield Item('section', name=section[1])
            at += found.end()
        else:
            directive = re.match(r'#(?:[^\\\n]|\\.)*', rest, re.S)
            end = directive.end() if directive else declaration_at(rest, 0)
            code = rest[:end]
            item = (macro_item if directive else declared_item)(code, blocks)
            if item:
                yield item
            blocks = []
            at += end


def read_all(include):
    """The headers that declare something for programs, by name."""
    headers = [Header(path, str(path.relative_to(include)))
               for path in sorted(include.rglob('*.h'))]
    return [header for header in headers if header.functions()]
