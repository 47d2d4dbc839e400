// Runs before the first paint, so that nobody who chose the dark sees a flash of light.
{
  const chosen = localStorage.getItem('eh-theme');
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
}
