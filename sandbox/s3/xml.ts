/** The little XML that S3 and STS speak: builders for answers and a reader for request documents. */

export function text(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** Children are XML already. */
export function element(name: string, ...children: string[]): string {
  return `<${name}>${children.join('')}</${name}>`;
}

export function document(name: string, namespace: string, ...children: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${namespace}">${children.join('')}</${name}>`;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' };

function escapeXml(value: string): string {
  return value.replace(/[&<>"\r]/g, (char) => ESCAPES[char] ?? char);
}

export interface XmlNode {
  name: string;
  text: string;
  children: XmlNode[];
}

/** Returns undefined for what is not one well-formed element. Attributes, comments and namespaces are dropped. */
export function parseXml(source: string): XmlNode | undefined {
  const root: XmlNode = { name: '', text: '', children: [] };
  const stack = [root];
  const tokens = source.replace(/<\?[\s\S]*?\?>|<!--[\s\S]*?-->/g, '').match(/<[^>]*>|[^<]+/g) ?? [];
  for (const token of tokens) {
    if (!takeToken(token, stack)) return undefined;
  }
  return stack.length === 1 && root.children.length === 1 ? root.children[0] : undefined;
}

function takeToken(token: string, stack: XmlNode[]): boolean {
  const parent = stack.at(-1);
  if (parent === undefined) return false;
  if (!token.startsWith('<')) {
    parent.text += unescapeXml(token);
    return true;
  }
  if (token.startsWith('</')) return stack.pop()?.name === localName(token.slice(2, -1));
  const node: XmlNode = { name: localName(token.slice(1).replace(/\/?>$/, '')), text: '', children: [] };
  parent.children.push(node);
  if (!token.endsWith('/>')) stack.push(node);
  return true;
}

function localName(tag: string): string {
  return (tag.trim().split(/\s/)[0] ?? '').replace(/^.*:/, '');
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(value: string): string {
  return value.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? whole;
  });
}

export function child(node: XmlNode, name: string): XmlNode | undefined {
  return node.children.find((candidate) => candidate.name === name);
}

export function childText(node: XmlNode, name: string): string | undefined {
  return child(node, name)?.text;
}

export function childrenOf(node: XmlNode, name: string): XmlNode[] {
  return node.children.filter((candidate) => candidate.name === name);
}
