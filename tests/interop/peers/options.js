'use strict';
// --name value and --flag, into an object; what is not among the defaults is an error.

exports.options = (words, defaults) => {
  const found = { ...defaults };
  const left = [...words];
  while (left.length) {
    const name = left.shift().replace(/^--/, '');
    if (!(name in defaults)) throw new Error(`unknown option ${name}`);
    const kind = typeof defaults[name];
    if (kind === 'boolean') found[name] = true;
    else found[name] = kind === 'number' ? Number(left.shift()) : left.shift();
  }
  return found;
};
