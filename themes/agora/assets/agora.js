// What Agora does better with a script: the cart drawer, the live count, variant switching, steppers.
// Every page works without it.
(() => {
  'use strict';
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const read = (id) => { const node = document.getElementById(id); return node ? JSON.parse(node.textContent) : null; };
  const texts = read('theme-texts') || {};

  // --- cart count: the cookie says it at once, every cart answer keeps it true
  const counter = one('[data-cart-count]');
  const showCount = (count) => {
    if (!counter) return;
    counter.textContent = count > 99 ? '99+' : String(count);
    counter.hidden = !count;
  };
  const cookieCount = () => {
    const found = document.cookie.match(/(?:^|;\s*)cart_count=(\d+)/);
    return found ? Number(found[1]) : 0;
  };
  showCount(cookieCount());
  addEventListener('pageshow', (event) => { if (event.persisted) showCount(cookieCount()); });

  // --- talking to the cart
  const call = async (path, body) => {
    const response = await fetch(path, {
      method: body ? 'POST' : 'GET',
      credentials: 'same-origin',
      headers: { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest', ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    let answer = null;
    try { answer = await response.json(); } catch { /* said below */ }
    if (!response.ok || !answer) throw new Error((answer && (answer.description || answer.message)) || texts.failed);
    return answer;
  };

  // --- the drawer
  const drawer = one('#cart-drawer');
  const lines = drawer && one('[data-drawer-lines]', drawer);
  const say = (text) => { one('[data-drawer-status]', drawer).textContent = text || ''; };
  const element = (name, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children.filter((child) => child != null));
    return node;
  };
  const money = (cents) => new Intl.NumberFormat(drawer.dataset.locale, { style: 'currency', currency: drawer.dataset.currency }).format(cents / 100);

  const stepper = (item) => {
    const button = (label, text, quantity) => element('button', { type: 'button', ariaLabel: label, textContent: text, onclick: () => change(item.key, quantity) });
    return element('div', { className: 'quantity small' },
      button(texts.less, '−', item.quantity - 1),
      element('span', { className: 'quantity-now', ariaLabel: texts.quantity, textContent: String(item.quantity) }),
      button(texts.more, '+', item.quantity + 1));
  };
  const picture = (item) => {
    const art = all('.card').find((card) => one('a[href="' + CSS.escape('/products/' + item.handle) + '"], a[href="/products/' + CSS.escape(item.handle) + '"]', card));
    const own = location.pathname === '/products/' + item.handle ? one('.gallery-art svg') : null;
    if (item.image) return element('img', { src: item.image, alt: '', width: 84, height: 84, loading: 'lazy' });
    const drawn = own || (art && one('.card-media svg', art));
    if (!drawn) return element('span', { className: 'letter', textContent: (item.product_title || item.title || '?').slice(0, 1), ariaHidden: 'true' });
    const copy = drawn.cloneNode(true);
    copy.setAttribute('aria-hidden', 'true');
    return copy;
  };
  const row = (item) => element('li', { className: 'drawer-line' },
    element('a', { href: item.url, className: 'drawer-media', tabIndex: -1, ariaHidden: 'true' }, picture(item)),
    element('div', { className: 'drawer-text' },
      element('a', { href: item.url, className: 'drawer-name', textContent: item.product_title || item.title }),
      item.variant_title ? element('p', { className: 'line-variant', textContent: item.variant_title }) : null,
      element('div', { className: 'drawer-tools' }, stepper(item),
        element('button', { type: 'button', className: 'text-link', textContent: texts.remove, onclick: () => change(item.key, 0) }))),
    element('p', { className: 'line-total', textContent: money(item.final_line_price ?? item.line_price) }));

  const draw = (cart) => {
    showCount(cart.item_count);
    lines.replaceChildren(...cart.items.map(row));
    one('[data-drawer-total]', drawer).textContent = money(cart.total_price);
    one('[data-drawer-empty]', drawer).hidden = cart.items.length > 0;
    one('[data-drawer-foot]', drawer).hidden = cart.items.length === 0;
  };
  const refresh = async () => draw(await call('/cart.js'));
  const change = async (key, quantity) => {
    try { say(''); draw(await call('/cart/change.js', { id: key, quantity })); }
    catch (error) { say(error.message); refresh().catch(() => {}); }
  };
  const open = () => { if (!drawer.open) drawer.showModal(); };

  if (drawer && drawer.showModal) {
    const link = one('[data-cart-link]');
    link.addEventListener('click', async (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      try { await refresh(); say(''); open(); } catch { location.assign('/cart'); }
    });
    one('[data-drawer-close]', drawer).addEventListener('click', () => drawer.close());
    drawer.addEventListener('click', (event) => { if (event.target === drawer) drawer.close(); });
  }

  // --- product page: options to variant
  const form = one('[data-buy]');
  const variants = read('product-variants');
  const message = form && one('[data-message]', form);
  if (form && variants) {
    const inputs = all('[data-option]', form);
    const id = one('[data-variant-id]', form);
    if (id) id.disabled = false;
    const chosen = () => {
      const values = [];
      inputs.forEach((input) => { if (input.tagName === 'SELECT') values[input.dataset.option] = input.value; else if (input.checked) values[input.dataset.option] = input.dataset.value; });
      return values;
    };
    const find = (values) => variants.find((variant) => variant.options.every((value, at) => value === values[at]));
    const show = (byHand) => {
      const values = chosen();
      const variant = find(values);
      inputs.filter((input) => input.type === 'radio').forEach((input) => {
        const other = find(Object.assign([...values], { [input.dataset.option]: input.dataset.value }));
        input.closest('label').classList.toggle('pill-out', !other || !other.available);
      });
      const button = one('[data-add]', form);
      button.disabled = !variant || !variant.available;
      button.textContent = button.disabled ? button.dataset.textOut : button.dataset.textAdd;
      if (!variant || !byHand) return;
      if (id) id.value = variant.id;
      const now = element('span', { className: 'price-now' + (variant.was ? ' sale' : ''), textContent: variant.price });
      one('[data-price]').replaceChildren(now, ...(variant.was ? [' ', element('s', { textContent: variant.was })] : []));
      const stock = one('[data-stock]', form);
      stock.textContent = variant.stock;
      stock.className = 'stock stock-' + variant.state;
      message.textContent = '';
      if (variant.image) reveal(variant.image);
      history.replaceState(null, '', location.pathname + '?variant=' + variant.id);
    };
    inputs.forEach((input) => input.addEventListener('change', () => show(true)));
    show(false);
  }

  // --- gallery: scroll the track, not the page
  const reveal = (image) => {
    const slide = document.getElementById('image-' + image);
    const track = slide && slide.parentElement;
    if (track) track.scrollTo({ left: slide.offsetLeft - track.offsetLeft, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  };
  all('[data-thumb]').forEach((thumb) => thumb.addEventListener('click', (event) => { event.preventDefault(); reveal(thumb.dataset.thumb); }));

  // --- add to cart
  if (form && drawer && drawer.showModal) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const button = one('[data-add]', form);
      const data = new FormData(form);
      button.disabled = true;
      message.textContent = '';
      let failure = '';
      try { await call('/cart/add.js', { id: Number(data.get('id')), quantity: Number(data.get('quantity')) || 1 }); }
      catch (error) { failure = error.message; }
      button.disabled = false;
      message.textContent = failure;
      try { await refresh(); } catch { if (!failure) location.assign('/cart'); return; }
      if (failure) return;
      say(texts.added);
      open();
    });
  }

  // --- quantities
  all('[data-step]').forEach((button) => button.addEventListener('click', () => {
    const input = one('input', button.parentElement);
    const before = input.value;
    if (Number(button.dataset.step) > 0) input.stepUp(); else input.stepDown();
    if (input.value !== before) input.dispatchEvent(new Event('change', { bubbles: true }));
  }));
  const cartForm = one('[data-cart-form]');
  if (cartForm) {
    let timer = 0;
    cartForm.addEventListener('change', (event) => {
      if (event.target.type !== 'number' || !event.target.reportValidity()) return;
      clearTimeout(timer);
      timer = setTimeout(() => cartForm.requestSubmit(one('[name=update]', cartForm)), 400);
    });
  }

  // --- listings: a changed choice is sent at once, without empty fields in the address
  all('[data-auto-submit]').forEach((listing) => {
    listing.addEventListener('submit', () => all('input,select', listing).forEach((field) => { if (!field.value) field.disabled = true; }));
    listing.addEventListener('change', (event) => { if (event.target.tagName === 'SELECT') listing.requestSubmit(); });
  });
  addEventListener('pageshow', () => all('[data-auto-submit] :disabled').forEach((field) => { field.disabled = false; }));

  // --- the menu on small screens
  const menu = one('.menu');
  if (menu) {
    addEventListener('keydown', (event) => { if (event.key === 'Escape' && menu.open) { menu.open = false; one('summary', menu).focus(); } });
    document.addEventListener('click', (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
  }
})();
